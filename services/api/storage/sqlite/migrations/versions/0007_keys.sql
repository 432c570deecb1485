CREATE TABLE keys (
    id TEXT NOT NULL,
    holder TEXT NOT NULL,
    tenant TEXT NOT NULL,
    label TEXT NOT NULL,
    digest BLOB NOT NULL,
    scopes JSON NOT NULL,
    all_tenants BOOLEAN NOT NULL,
    sources JSON NOT NULL,
    create_time BIGINT NOT NULL,
    expire_time BIGINT,
    revoke_time BIGINT,
    CONSTRAINT keys_key PRIMARY KEY (id),
    CONSTRAINT keys_holder_known CHECK (holder IN ('exd', 'exw'))
);

CREATE INDEX keys_of_tenant ON keys (tenant, id)
