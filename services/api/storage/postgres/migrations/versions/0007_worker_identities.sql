-- To whom the id of a worker belongs: who used it first, at whichever process, and with which token it did so last.
CREATE TABLE worker_identities (
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
    seen BIGINT NOT NULL,
    CONSTRAINT worker_identities_key PRIMARY KEY (id)
);

ALTER TABLE worker_identities SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
