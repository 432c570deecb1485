CREATE TABLE audit (
    id BIGSERIAL NOT NULL,
    time BIGINT NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    principal TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    peer TEXT COLLATE "C" NOT NULL,
    bytes BIGINT,
    details JSONB NOT NULL,
    CONSTRAINT audit_key PRIMARY KEY (id)
);

CREATE INDEX audit_by_time ON audit (time, id);
CREATE INDEX audit_of_tenant ON audit (tenant, time, id);
CREATE INDEX audit_of_resource ON audit (resource, time, id);

CREATE TABLE audit_horizon (
    id SERIAL NOT NULL,
    deletable_before BIGINT NOT NULL,
    CONSTRAINT audit_horizon_key PRIMARY KEY (id),
    CONSTRAINT audit_horizon_one_row CHECK (id = 1)
)
