CREATE TABLE exports (
    id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    uri TEXT NOT NULL,
    type TEXT NOT NULL,
    format VARCHAR(20) NOT NULL,
    file_types JSON NOT NULL,
    labels JSON NOT NULL,
    options JSON NOT NULL,
    warnings JSON NOT NULL,
    spec BLOB NOT NULL,
    state VARCHAR(20) NOT NULL,
    version BIGINT NOT NULL,
    run INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    cancel_reason VARCHAR(20),
    next_attempt_time BIGINT,
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    start_time BIGINT,
    end_time BIGINT,
    duration BIGINT,
    errors JSON NOT NULL,
    deleted_time BIGINT,
    lease_id TEXT,
    lease_worker_id TEXT,
    lease_poll_id TEXT,
    lease_confirmed BOOLEAN NOT NULL,
    lease_create_time BIGINT,
    lease_expire_time BIGINT,
    lease_count BIGINT NOT NULL,
    unconfirmed_count INTEGER NOT NULL,
    ended_lease_id TEXT,
    file_id TEXT,
    file_name TEXT,
    file_key TEXT,
    file_size_bytes BIGINT,
    file_sha256 TEXT,
    file_media_type TEXT,
    file_extension TEXT,
    file_entries JSON,
    file_entry_count BIGINT,
    file_encrypted BOOLEAN,
    file_row_count BIGINT,
    file_create_time BIGINT,
    file_expire_time BIGINT,
    rows_matched BIGINT,
    rows_written BIGINT,
    matched_by VARCHAR(20),
    consistency VARCHAR(20),
    as_of BIGINT,
    build_warnings JSON,
    encrypted BOOLEAN DEFAULT 0 NOT NULL,
    sealed_password BLOB,
    attachments_id TEXT,
    attachments JSON,
    priority INTEGER DEFAULT 0 NOT NULL,
    notify_email TEXT,
    callback_url TEXT,
    email_sent BOOLEAN DEFAULT 0 NOT NULL,
    callback_sent BOOLEAN DEFAULT 0 NOT NULL,
    CONSTRAINT exports_key PRIMARY KEY (id),
    CONSTRAINT exports_state_known CHECK (state IN ('CANCELLED', 'COMPLETED', 'FAILED', 'PROCESSING', 'QUEUED')),
    CONSTRAINT exports_reason_known CHECK (cancel_reason IS NULL OR cancel_reason IN ('NOT_RETRYABLE', 'REQUESTED', 'RETRIES_EXHAUSTED')),
    CONSTRAINT exports_cancelled_for_a_reason CHECK (state IN ('CANCELLED') AND cancel_reason IS NOT NULL OR (state NOT IN ('CANCELLED')) AND cancel_reason IS NULL),
    CONSTRAINT exports_done_has_ended CHECK (state IN ('CANCELLED', 'COMPLETED') AND end_time IS NOT NULL OR (state NOT IN ('CANCELLED', 'COMPLETED')) AND end_time IS NULL),
    CONSTRAINT exports_only_done_deleted CHECK (deleted_time IS NULL OR state IN ('CANCELLED', 'COMPLETED')),
    CONSTRAINT exports_attempts_in_budget CHECK (attempt >= 0 AND attempt <= max_attempts AND max_attempts >= 1),
    CONSTRAINT exports_attempt_left CHECK ((state NOT IN ('FAILED', 'QUEUED')) OR attempt < max_attempts),
    CONSTRAINT exports_attempts_were_leased CHECK (attempt <= lease_count AND unconfirmed_count BETWEEN 0 AND lease_count),
    CONSTRAINT exports_counts_from_one CHECK (version >= 1 AND run >= 1),
    CONSTRAINT exports_failed_is_scheduled CHECK (state IN ('FAILED') AND next_attempt_time IS NOT NULL OR (state NOT IN ('FAILED')) AND next_attempt_time IS NULL),
    CONSTRAINT exports_leased_by_one CHECK ((state NOT IN ('PROCESSING')) OR lease_id IS NOT NULL AND lease_worker_id IS NOT NULL AND lease_poll_id IS NOT NULL AND lease_expire_time IS NOT NULL AND start_time IS NOT NULL AND attempt >= 1),
    CONSTRAINT exports_lease_in_its_states CHECK (lease_id IS NULL OR state IN ('COMPLETED', 'FAILED', 'PROCESSING')),
    CONSTRAINT exports_file_when_completed CHECK (state IN ('COMPLETED') AND file_id IS NOT NULL OR (state NOT IN ('COMPLETED')) AND file_id IS NULL),
    CONSTRAINT exports_file_is_whole CHECK (file_id IS NULL OR lease_id IS NOT NULL AND file_name IS NOT NULL AND file_key IS NOT NULL AND file_size_bytes IS NOT NULL AND file_sha256 IS NOT NULL AND file_media_type IS NOT NULL AND file_extension IS NOT NULL AND file_entries IS NOT NULL AND file_entry_count IS NOT NULL AND file_encrypted IS NOT NULL AND file_row_count IS NOT NULL AND file_create_time IS NOT NULL AND file_expire_time IS NOT NULL AND matched_by IS NOT NULL AND consistency IS NOT NULL AND build_warnings IS NOT NULL),
    CONSTRAINT exports_password_until_done CHECK (sealed_password IS NOT NULL AND encrypted = 1 AND (state NOT IN ('CANCELLED', 'COMPLETED')) OR sealed_password IS NULL AND NOT (encrypted = 1 AND (state NOT IN ('CANCELLED', 'COMPLETED')))),
    CONSTRAINT exports_priority_known CHECK (priority BETWEEN 0 AND 9),
    CONSTRAINT exports_told_where_asked CHECK ((callback_sent = 0 OR callback_url IS NOT NULL) AND (email_sent = 0 OR notify_email IS NOT NULL)),
    CONSTRAINT exports_sealed_as_asked CHECK (file_id IS NULL OR file_encrypted = encrypted),
    CONSTRAINT exports_attachments_beside_file CHECK (attachments_id IS NULL OR file_id IS NOT NULL),
    CONSTRAINT exports_attachments_are_whole CHECK (attachments_id IS NOT NULL AND attachments IS NOT NULL OR attachments_id IS NULL AND attachments IS NULL),
    CONSTRAINT exports_no_row_missing CHECK ((state NOT IN ('COMPLETED')) OR rows_matched IS NOT NULL AND rows_written IS NOT NULL AND rows_matched = rows_written)
);
CREATE UNIQUE INDEX exports_attachments ON exports (attachments_id) WHERE attachments_id IS NOT NULL;
CREATE INDEX exports_deleted ON exports (deleted_time) WHERE deleted_time IS NOT NULL;
CREATE INDEX exports_due ON exports (next_attempt_time, state) WHERE state IN ('FAILED');
CREATE INDEX exports_ended ON exports (end_time) WHERE state IN ('CANCELLED', 'COMPLETED');
CREATE UNIQUE INDEX exports_file ON exports (file_id) WHERE file_id IS NOT NULL;
CREATE INDEX exports_leased_by ON exports (lease_worker_id) WHERE state IN ('PROCESSING');
CREATE INDEX exports_leased_until ON exports (lease_expire_time) WHERE state IN ('PROCESSING');
CREATE INDEX exports_listed ON exports (tenant, id) WHERE deleted_time IS NULL;
CREATE INDEX exports_listed_by_state ON exports (tenant, state, id) WHERE deleted_time IS NULL;
CREATE INDEX exports_listed_by_type ON exports (tenant, type, id) WHERE deleted_time IS NULL;
CREATE INDEX exports_oldest ON exports (id, state) WHERE state IN ('QUEUED');
CREATE INDEX exports_running ON exports (tenant, state) WHERE state IN ('PROCESSING');
CREATE INDEX exports_turn ON exports (tenant, priority DESC, id, state) WHERE state IN ('QUEUED');
CREATE INDEX exports_turn_again ON exports (tenant, next_attempt_time, id, state) WHERE state IN ('FAILED');

CREATE TABLE installation (
    id INTEGER NOT NULL,
    store_id TEXT NOT NULL,
    CONSTRAINT installation_key PRIMARY KEY (id),
    CONSTRAINT installation_one_row CHECK (id = 1)
);

CREATE TABLE tenants (
    tenant TEXT NOT NULL,
    vtime BIGINT NOT NULL,
    served BIGINT NOT NULL,
    CONSTRAINT tenants_key PRIMARY KEY (tenant)
);
CREATE INDEX tenants_served ON tenants (served);

CREATE TABLE deliveries (
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
    CONSTRAINT deliveries_key PRIMARY KEY (id),
    CONSTRAINT deliveries_once UNIQUE (export_id, run, channel),
    CONSTRAINT deliveries_pending_is_scheduled CHECK ((state = 'PENDING') = (next_attempt_time IS NOT NULL) AND (state = 'PENDING') = (end_time IS NULL)),
    CONSTRAINT deliveries_export_id_fk FOREIGN KEY(export_id) REFERENCES exports (id) ON DELETE CASCADE
);
CREATE INDEX deliveries_due ON deliveries (next_attempt_time) WHERE state = 'PENDING';

CREATE TABLE requests (
    tenant TEXT NOT NULL,
    request_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    export_id TEXT NOT NULL,
    create_time BIGINT NOT NULL,
    CONSTRAINT requests_key PRIMARY KEY (tenant, request_id),
    CONSTRAINT requests_export_id_fk FOREIGN KEY(export_id) REFERENCES exports (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX requests_by_export ON requests (export_id);
CREATE INDEX requests_made ON requests (create_time);

CREATE TABLE transitions (
    id INTEGER NOT NULL,
    export_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    run INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    event TEXT NOT NULL,
    state VARCHAR(20) NOT NULL,
    actor VARCHAR(20) NOT NULL,
    worker_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    time BIGINT NOT NULL,
    CONSTRAINT transitions_key PRIMARY KEY (id),
    CONSTRAINT transitions_export_id_fk FOREIGN KEY(export_id) REFERENCES exports (id) ON DELETE CASCADE
);
CREATE INDEX transitions_of_export ON transitions (export_id, id);
