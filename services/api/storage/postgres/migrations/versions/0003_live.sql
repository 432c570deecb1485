-- A crash of the server empties tables that are not logged: what they hold is said again within seconds.

-- What each worker said last, to whichever process, and what an operator asked of it.
CREATE TABLE workers (
    id TEXT COLLATE "C" NOT NULL,
    process TEXT COLLATE "C" NOT NULL,
    seen BIGINT NOT NULL,
    beat BIGINT,
    held INTEGER NOT NULL,
    free_slots INTEGER NOT NULL,
    draining BOOLEAN NOT NULL,
    asked_to_drain BOOLEAN NOT NULL,
    store_matches BOOLEAN NOT NULL,
    can_key TEXT COLLATE "C" NOT NULL,
    can JSONB NOT NULL,
    problems JSONB NOT NULL,
    CONSTRAINT workers_key PRIMARY KEY (id)
);

-- Who does what only one process needs to do.
CREATE TABLE duties (
    name TEXT COLLATE "C" NOT NULL,
    process TEXT COLLATE "C" NOT NULL,
    until BIGINT NOT NULL,
    CONSTRAINT duties_key PRIMARY KEY (name)
);

-- How far the attempt has come that has this lease.
CREATE UNLOGGED TABLE progress (
    export_id TEXT COLLATE "C" NOT NULL,
    lease_id TEXT COLLATE "C" NOT NULL,
    time BIGINT NOT NULL,
    phase TEXT COLLATE "C" NOT NULL,
    rows_written BIGINT NOT NULL,
    rows_total BIGINT NOT NULL,
    bytes_written BIGINT NOT NULL,
    eta BIGINT,
    CONSTRAINT progress_key PRIMARY KEY (export_id)
);

CREATE UNLOGGED TABLE watches (
    export_id TEXT COLLATE "C" NOT NULL,
    process TEXT COLLATE "C" NOT NULL,
    until BIGINT NOT NULL,
    CONSTRAINT watches_key PRIMARY KEY (export_id, process)
);

-- A question, and its answer, which is sealed.
CREATE UNLOGGED TABLE previews (
    id TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    spec BYTEA NOT NULL,
    needs TEXT COLLATE "C" NOT NULL,
    rows INTEGER NOT NULL,
    taken BOOLEAN NOT NULL,
    answer BYTEA,
    asked BIGINT NOT NULL,
    expire BIGINT NOT NULL,
    CONSTRAINT previews_key PRIMARY KEY (id)
);

-- Small tables whose rows change all the time: dead versions are to be gone soon.
ALTER TABLE workers SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

ALTER TABLE progress SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

ALTER TABLE watches SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

ALTER TABLE previews SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
