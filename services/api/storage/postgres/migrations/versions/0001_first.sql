-- The revision that a program must know to work with this schema.
CREATE TABLE schema_support (
    oldest TEXT NOT NULL
);

INSERT INTO schema_support (oldest) VALUES ('0001');

-- Which server key the processes on this database have.
CREATE TABLE server_key (
    only_row BOOLEAN DEFAULT true NOT NULL,
    fingerprint TEXT NOT NULL,
    CONSTRAINT server_key_key PRIMARY KEY (only_row),
    CONSTRAINT server_key_only_row CHECK (only_row)
);

CREATE TABLE exports (
    id TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    uri TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    format VARCHAR(20) NOT NULL,
    file_types JSONB NOT NULL,
    labels JSONB NOT NULL,
    options JSONB NOT NULL,
    warnings JSONB NOT NULL,
    spec BYTEA NOT NULL,
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
    errors JSONB NOT NULL,
    deleted_time BIGINT,
    lease_id TEXT COLLATE "C",
    lease_worker_id TEXT COLLATE "C",
    lease_poll_id TEXT COLLATE "C",
    lease_confirmed BOOLEAN NOT NULL,
    lease_create_time BIGINT,
    lease_expire_time BIGINT,
    lease_count BIGINT NOT NULL,
    unconfirmed_count INTEGER NOT NULL,
    ended_lease_id TEXT COLLATE "C",
    file_id TEXT COLLATE "C",
    file_name TEXT COLLATE "C",
    file_key TEXT COLLATE "C",
    file_size_bytes BIGINT,
    file_sha256 TEXT COLLATE "C",
    file_media_type TEXT COLLATE "C",
    file_extension TEXT COLLATE "C",
    file_entries JSONB,
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
    build_warnings JSONB,
    encrypted BOOLEAN DEFAULT false NOT NULL,
    sealed_password BYTEA,
    attachments_id TEXT COLLATE "C",
    attachments JSONB,
    priority INTEGER DEFAULT 0 NOT NULL,
    notify_email TEXT COLLATE "C",
    callback_url TEXT COLLATE "C",
    email_sent BOOLEAN DEFAULT false NOT NULL,
    callback_sent BOOLEAN DEFAULT false NOT NULL,
    requirement TEXT COLLATE "C" DEFAULT '' NOT NULL,
    needs TEXT COLLATE "C" DEFAULT '' NOT NULL,
    given_back_count INTEGER DEFAULT 0 NOT NULL,
    given_back_by TEXT COLLATE "C",
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
    CONSTRAINT exports_password_until_done CHECK (sealed_password IS NOT NULL AND encrypted AND (state NOT IN ('CANCELLED', 'COMPLETED')) OR sealed_password IS NULL AND NOT (encrypted AND (state NOT IN ('CANCELLED', 'COMPLETED')))),
    CONSTRAINT exports_priority_known CHECK (priority BETWEEN 0 AND 9),
    CONSTRAINT exports_told_where_asked CHECK ((NOT callback_sent OR callback_url IS NOT NULL) AND (NOT email_sent OR notify_email IS NOT NULL)),
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

CREATE INDEX exports_given_back ON exports (given_back_by) WHERE given_back_by IS NOT NULL;

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

CREATE TABLE installation (
    id SERIAL NOT NULL,
    store_id TEXT COLLATE "C" NOT NULL,
    CONSTRAINT installation_key PRIMARY KEY (id),
    CONSTRAINT installation_one_row CHECK (id = 1)
);

CREATE TABLE keys (
    id TEXT COLLATE "C" NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    label TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL,
    scopes JSONB NOT NULL,
    all_tenants BOOLEAN NOT NULL,
    sources JSONB NOT NULL,
    create_time BIGINT NOT NULL,
    expire_time BIGINT,
    revoke_time BIGINT,
    CONSTRAINT keys_key PRIMARY KEY (id),
    CONSTRAINT keys_holder_known CHECK (holder IN ('exd', 'exw'))
);

CREATE INDEX keys_of_tenant ON keys (tenant, id);

CREATE TABLE line (
    tenant TEXT COLLATE "C" NOT NULL,
    requirement TEXT COLLATE "C" NOT NULL,
    needs TEXT COLLATE "C" NOT NULL,
    vtime BIGINT NOT NULL,
    place VARCHAR(20) NOT NULL,
    due BIGINT,
    CONSTRAINT line_key PRIMARY KEY (tenant, requirement),
    CONSTRAINT line_place_known CHECK (place IN ('CAPPED', 'LATER', 'WAITING')),
    CONSTRAINT line_later_is_due CHECK (place <> 'LATER' OR due IS NOT NULL)
);

CREATE INDEX line_capped ON line (tenant) WHERE place = 'CAPPED';

CREATE INDEX line_due ON line (due) WHERE place = 'LATER';

CREATE INDEX line_turn ON line (requirement, vtime, tenant) WHERE place = 'WAITING';

CREATE TABLE tenants (
    tenant TEXT COLLATE "C" NOT NULL,
    vtime BIGINT NOT NULL,
    served BIGINT NOT NULL,
    CONSTRAINT tenants_key PRIMARY KEY (tenant)
);

CREATE INDEX tenants_served ON tenants (served);

CREATE TABLE deliveries (
    id TEXT COLLATE "C" NOT NULL,
    export_id TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    run INTEGER NOT NULL,
    channel VARCHAR(20) NOT NULL,
    target TEXT COLLATE "C" NOT NULL,
    notice JSONB NOT NULL,
    state VARCHAR(20) NOT NULL,
    attempt INTEGER NOT NULL,
    next_attempt_time BIGINT,
    lease_id TEXT COLLATE "C",
    create_time BIGINT NOT NULL,
    end_time BIGINT,
    tries JSONB NOT NULL,
    CONSTRAINT deliveries_key PRIMARY KEY (id),
    CONSTRAINT deliveries_once UNIQUE (export_id, run, channel),
    CONSTRAINT deliveries_pending_is_scheduled CHECK ((state = 'PENDING') = (next_attempt_time IS NOT NULL) AND (state = 'PENDING') = (end_time IS NULL)),
    CONSTRAINT deliveries_export_id_fk FOREIGN KEY(export_id) REFERENCES exports (id) ON DELETE CASCADE
);

CREATE INDEX deliveries_due ON deliveries (next_attempt_time) WHERE state = 'PENDING';

CREATE TABLE requests (
    tenant TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL,
    export_id TEXT COLLATE "C" NOT NULL,
    create_time BIGINT NOT NULL,
    CONSTRAINT requests_key PRIMARY KEY (tenant, request_id),
    CONSTRAINT requests_export_id_fk FOREIGN KEY(export_id) REFERENCES exports (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX requests_by_export ON requests (export_id);

CREATE INDEX requests_made ON requests (create_time);

CREATE TABLE transitions (
    id BIGSERIAL NOT NULL,
    export_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    run INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    state VARCHAR(20) NOT NULL,
    actor VARCHAR(20) NOT NULL,
    worker_id TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    time BIGINT NOT NULL,
    CONSTRAINT transitions_key PRIMARY KEY (id),
    CONSTRAINT transitions_export_id_fk FOREIGN KEY(export_id) REFERENCES exports (id) ON DELETE CASCADE
);

CREATE INDEX transitions_of_export ON transitions (export_id, id);

-- Rows change several times in a life, and those of the line with each claim: room for that in their pages, and dead
-- versions gone soon.
ALTER TABLE exports SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

ALTER TABLE line SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

ALTER TABLE tenants SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

ALTER TABLE deliveries SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
