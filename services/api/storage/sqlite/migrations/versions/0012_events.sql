CREATE TABLE deliveries_of_events (
    id TEXT NOT NULL,
    export_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    run INTEGER NOT NULL,
    channel VARCHAR(20) NOT NULL,
    target TEXT NOT NULL,
    notice JSON NOT NULL,
    state VARCHAR(20) NOT NULL,
    attempt INTEGER NOT NULL,
    next_attempt_time BIGINT,
    lease_id TEXT,
    create_time BIGINT NOT NULL,
    end_time BIGINT,
    tries JSON NOT NULL,
    event TEXT NOT NULL DEFAULT '',
    number BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT deliveries_key PRIMARY KEY (id),
    CONSTRAINT deliveries_once UNIQUE (export_id, run, channel, number),
    CONSTRAINT deliveries_pending_is_scheduled CHECK ((state = 'PENDING') = (next_attempt_time IS NOT NULL) AND (state = 'PENDING') = (end_time IS NULL)),
    CONSTRAINT deliveries_export_id_fk FOREIGN KEY(export_id) REFERENCES exports (id) ON DELETE CASCADE
);
INSERT INTO deliveries_of_events (id, export_id, tenant, run, channel, target, notice, state, attempt, next_attempt_time, lease_id, create_time, end_time, tries)
SELECT id, export_id, tenant, run, channel, target, notice, state, attempt, next_attempt_time, lease_id, create_time, end_time, tries FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_of_events RENAME TO deliveries;
CREATE INDEX deliveries_due ON deliveries (next_attempt_time) WHERE state = 'PENDING'
