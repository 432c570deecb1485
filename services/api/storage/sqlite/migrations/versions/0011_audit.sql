CREATE TABLE audit (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    time BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    principal TEXT NOT NULL,
    request_id TEXT NOT NULL,
    peer TEXT NOT NULL,
    bytes BIGINT,
    details JSON NOT NULL
);

CREATE INDEX audit_by_time ON audit (time, id);
CREATE INDEX audit_of_tenant ON audit (tenant, time, id);
CREATE INDEX audit_of_resource ON audit (resource, time, id);

CREATE TABLE audit_horizon (
    id INTEGER NOT NULL,
    deletable_before BIGINT NOT NULL,
    CONSTRAINT audit_horizon_key PRIMARY KEY (id),
    CONSTRAINT audit_horizon_one_row CHECK (id = 1)
)
