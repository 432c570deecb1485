CREATE TABLE links (
    id TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    export_id TEXT COLLATE "C" NOT NULL,
    file_id TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL,
    create_time BIGINT NOT NULL,
    expire_time BIGINT NOT NULL,
    max_uses INTEGER NOT NULL,
    label TEXT COLLATE "C" NOT NULL,
    creator TEXT COLLATE "C" NOT NULL,
    delivery_id TEXT COLLATE "C" NOT NULL,
    sealed_token BYTEA,
    uses INTEGER NOT NULL,
    last_use_id TEXT COLLATE "C" NOT NULL,
    last_use_time BIGINT,
    revoke_time BIGINT,
    CONSTRAINT links_key PRIMARY KEY (id),
    CONSTRAINT links_uses_within CHECK (uses >= 0 AND (max_uses = 0 OR uses <= max_uses)),
    CONSTRAINT links_used_at_a_time CHECK ((uses = 0) = (last_use_time IS NULL)),
    CONSTRAINT links_export_id_fk FOREIGN KEY(export_id) REFERENCES exports (id) ON DELETE CASCADE
);

CREATE INDEX links_expired ON links (expire_time);

CREATE INDEX links_of_export ON links (export_id, id);

CREATE UNIQUE INDEX links_to_send ON links (delivery_id, file_id) WHERE sealed_token IS NOT NULL
