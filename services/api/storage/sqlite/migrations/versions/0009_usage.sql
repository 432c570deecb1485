CREATE TABLE usage (
    tenant TEXT NOT NULL,
    quota TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    used BIGINT NOT NULL,
    CONSTRAINT usage_key PRIMARY KEY (tenant, quota)
);

CREATE INDEX usage_over ON usage (window_start)
