CREATE TABLE exports_next (
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
    requirement TEXT DEFAULT '' NOT NULL,
    needs TEXT DEFAULT '' NOT NULL,
    given_back_count INTEGER DEFAULT 0 NOT NULL,
    given_back_by TEXT,
    CONSTRAINT exports_key PRIMARY KEY (id),
    CONSTRAINT exports_state_known CHECK (state IN ('CANCELLED', 'COMPLETED', 'FAILED', 'PROCESSING', 'QUEUED')),
    CONSTRAINT exports_reason_known CHECK (cancel_reason IS NULL OR cancel_reason IN ('NOT_RETRYABLE', 'REQUESTED', 'RETRIES_EXHAUSTED')),
    CONSTRAINT exports_cancelled_for_a_reason CHECK (state IN ('CANCELLED') AND cancel_reason IS NOT NULL OR (state NOT IN ('CANCELLED')) AND cancel_reason IS NULL),
    CONSTRAINT exports_done_has_ended CHECK (state IN ('CANCELLED', 'COMPLETED') AND end_time IS NOT NULL OR (state NOT IN ('CANCELLED', 'COMPLETED')) AND end_time IS NULL),
    CONSTRAINT exports_only_done_deleted CHECK (deleted_time IS NULL OR state IN ('CANCELLED', 'COMPLETED')),
    CONSTRAINT exports_attempts_in_budget CHECK (attempt >= 0 AND attempt <= max_attempts AND max_attempts >= 1),
    CONSTRAINT exports_attempt_left CHECK ((state NOT IN ('FAILED', 'QUEUED')) OR attempt < max_attempts),
    CONSTRAINT exports_attempts_were_leased CHECK (attempt <= lease_count AND unconfirmed_count BETWEEN 0 AND lease_count),
    CONSTRAINT exports_given_back_were_leased CHECK (given_back_count BETWEEN 0 AND lease_count),
    CONSTRAINT exports_given_back_waits CHECK (given_back_by IS NULL OR state IN ('QUEUED')),
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

INSERT INTO exports_next (
    id, tenant, uri, type, format, file_types, labels, options, warnings, spec, state, version, run, attempt,
    max_attempts, cancel_reason, next_attempt_time, create_time, update_time, start_time, end_time, duration,
    errors, deleted_time, lease_id, lease_worker_id, lease_poll_id, lease_confirmed, lease_create_time,
    lease_expire_time, lease_count, unconfirmed_count, ended_lease_id, file_id, file_name, file_key,
    file_size_bytes, file_sha256, file_media_type, file_extension, file_entries, file_entry_count,
    file_encrypted, file_row_count, file_create_time, file_expire_time, rows_matched, rows_written,
    matched_by, consistency, as_of, build_warnings, encrypted, sealed_password, attachments_id, attachments,
    priority, notify_email, callback_url, email_sent, callback_sent
) SELECT
    id, tenant, uri, type, format, file_types, labels, options, warnings, spec, state, version, run, attempt,
    max_attempts, cancel_reason, next_attempt_time, create_time, update_time, start_time, end_time, duration,
    errors, deleted_time, lease_id, lease_worker_id, lease_poll_id, lease_confirmed, lease_create_time,
    lease_expire_time, lease_count, unconfirmed_count, ended_lease_id, file_id, file_name, file_key,
    file_size_bytes, file_sha256, file_media_type, file_extension, file_entries, file_entry_count,
    file_encrypted, file_row_count, file_create_time, file_expire_time, rows_matched, rows_written,
    matched_by, consistency, as_of, build_warnings, encrypted, sealed_password, attachments_id, attachments,
    priority, notify_email, callback_url, email_sent, callback_sent
FROM exports;

DROP TABLE exports;
ALTER TABLE exports_next RENAME TO exports;

CREATE UNIQUE INDEX exports_attachments ON exports (attachments_id) WHERE attachments_id IS NOT NULL;
CREATE INDEX exports_deleted ON exports (deleted_time) WHERE deleted_time IS NOT NULL;
CREATE INDEX exports_due ON exports (next_attempt_time, state) WHERE state IN ('FAILED');
CREATE INDEX exports_ended ON exports (end_time) WHERE state IN ('CANCELLED', 'COMPLETED');
CREATE UNIQUE INDEX exports_file ON exports (file_id) WHERE file_id IS NOT NULL;
CREATE INDEX exports_leased_by ON exports (lease_worker_id) WHERE state IN ('PROCESSING');
CREATE INDEX exports_leased_until ON exports (lease_expire_time) WHERE state IN ('PROCESSING');
CREATE INDEX exports_line ON exports (requirement, tenant, priority DESC, id, state) WHERE state IN ('QUEUED');
CREATE INDEX exports_line_again ON exports (requirement, tenant, next_attempt_time, id, state) WHERE state IN ('FAILED');
CREATE INDEX exports_listed ON exports (tenant, id) WHERE deleted_time IS NULL;
CREATE INDEX exports_listed_by_state ON exports (tenant, state, id) WHERE deleted_time IS NULL;
CREATE INDEX exports_listed_by_type ON exports (tenant, type, id) WHERE deleted_time IS NULL;
CREATE INDEX exports_oldest ON exports (id, state) WHERE state IN ('QUEUED');
CREATE INDEX exports_running ON exports (tenant, state) WHERE state IN ('PROCESSING');
CREATE INDEX exports_turn ON exports (tenant, priority DESC, id, state) WHERE state IN ('QUEUED');
