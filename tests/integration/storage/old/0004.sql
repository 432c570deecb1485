BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
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
	CONSTRAINT deliveries_pending_is_scheduled CHECK ((state = 'PENDING') = (next_attempt_time IS NOT NULL) AND (state = 'PENDING') = (end_time IS NULL)), 
	CONSTRAINT deliveries_export_id_fk FOREIGN KEY(export_id) REFERENCES exports (id) ON DELETE CASCADE, 
	CONSTRAINT deliveries_once UNIQUE (export_id, run, channel)
);
INSERT INTO "deliveries" VALUES('msg_11f61de93f70dbcbc415f226aa5aaa68','01935a00-0000-7000-8000-000000000002','done',1,'CALLBACK','https://hooks.example/exports','{"idExportJob": "01935a00-0000-7000-8000-000000000002", "exportType": "Invoices", "success": true, "status": "COMPLETED", "errorMessages": [], "durationMs": 1000, "fileName": "invoices.zip", "fileSizeBytes": 4096}','SENT',1,NULL,NULL,1793534401000000,1793534402000000,'[{"time":1793534402000000,"outcome":"204"}]');
INSERT INTO "deliveries" VALUES('msg_e0769f1ad6eed27966949d3f0e8cc75e','01935a00-0000-7000-8000-000000000002','done',1,'EMAIL','ops@example.test','{"idExportJob": "01935a00-0000-7000-8000-000000000002", "exportType": "Invoices", "success": true, "status": "COMPLETED", "errorMessages": [], "durationMs": 1000, "fileName": "invoices.zip", "fileSizeBytes": 4096}','PENDING',1,1793534460000000,NULL,1793534401000000,NULL,'[{"time":1793534402000000,"outcome":"503"}]');
INSERT INTO "deliveries" VALUES('msg_b43a7d4ec4f442625ec3400bedb61503','01935a00-0000-7000-8000-000000000008','hopeless',1,'CALLBACK','https://hooks.example/exports','{"idExportJob": "01935a00-0000-7000-8000-000000000008", "exportType": "Invoices", "success": false, "status": "CANCELLED", "errorMessages": ["the source did not answer"], "durationMs": 1000, "fileName": null, "fileSizeBytes": null}','PENDING',0,1793534401000000,NULL,1793534401000000,NULL,'[]');
CREATE TABLE "exports" (
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
	CONSTRAINT exports_attempt_left CHECK ((state NOT IN ('FAILED', 'QUEUED')) OR attempt < max_attempts), 
	CONSTRAINT exports_cancelled_for_a_reason CHECK (state IN ('CANCELLED') AND cancel_reason IS NOT NULL OR (state NOT IN ('CANCELLED')) AND cancel_reason IS NULL), 
	CONSTRAINT exports_failed_is_scheduled CHECK (state IN ('FAILED') AND next_attempt_time IS NOT NULL OR (state NOT IN ('FAILED')) AND next_attempt_time IS NULL), 
	CONSTRAINT exports_lease_in_its_states CHECK (lease_id IS NULL OR state IN ('COMPLETED', 'FAILED', 'PROCESSING')), 
	CONSTRAINT exports_only_done_deleted CHECK (deleted_time IS NULL OR state IN ('CANCELLED', 'COMPLETED')), 
	CONSTRAINT exports_sealed_as_asked CHECK (file_id IS NULL OR file_encrypted = encrypted), 
	CONSTRAINT exports_attempts_in_budget CHECK (attempt >= 0 AND attempt <= max_attempts AND max_attempts >= 1), 
	CONSTRAINT exports_counts_from_one CHECK (version >= 1 AND run >= 1), 
	CONSTRAINT exports_file_is_whole CHECK (file_id IS NULL OR lease_id IS NOT NULL AND file_name IS NOT NULL AND file_key IS NOT NULL AND file_size_bytes IS NOT NULL AND file_sha256 IS NOT NULL AND file_media_type IS NOT NULL AND file_extension IS NOT NULL AND file_entries IS NOT NULL AND file_entry_count IS NOT NULL AND file_encrypted IS NOT NULL AND file_row_count IS NOT NULL AND file_create_time IS NOT NULL AND file_expire_time IS NOT NULL AND matched_by IS NOT NULL AND consistency IS NOT NULL AND build_warnings IS NOT NULL), 
	CONSTRAINT exports_leased_by_one CHECK ((state NOT IN ('PROCESSING')) OR lease_id IS NOT NULL AND lease_worker_id IS NOT NULL AND lease_poll_id IS NOT NULL AND lease_expire_time IS NOT NULL AND start_time IS NOT NULL AND attempt >= 1), 
	CONSTRAINT exports_password_until_done CHECK (sealed_password IS NOT NULL AND encrypted = 1 AND (state NOT IN ('CANCELLED', 'COMPLETED')) OR sealed_password IS NULL AND NOT (encrypted = 1 AND (state NOT IN ('CANCELLED', 'COMPLETED')))), 
	CONSTRAINT exports_state_known CHECK (state IN ('CANCELLED', 'COMPLETED', 'FAILED', 'PROCESSING', 'QUEUED')), 
	CONSTRAINT exports_attachments_are_whole CHECK (attachments_id IS NOT NULL AND attachments IS NOT NULL OR attachments_id IS NULL AND attachments IS NULL), 
	CONSTRAINT exports_attachments_beside_file CHECK (attachments_id IS NULL OR file_id IS NOT NULL), 
	CONSTRAINT exports_attempts_were_leased CHECK (attempt <= lease_count AND unconfirmed_count BETWEEN 0 AND lease_count), 
	CONSTRAINT exports_done_has_ended CHECK (state IN ('CANCELLED', 'COMPLETED') AND end_time IS NOT NULL OR (state NOT IN ('CANCELLED', 'COMPLETED')) AND end_time IS NULL), 
	CONSTRAINT exports_file_when_completed CHECK (state IN ('COMPLETED') AND file_id IS NOT NULL OR (state NOT IN ('COMPLETED')) AND file_id IS NULL), 
	CONSTRAINT exports_no_row_missing CHECK ((state NOT IN ('COMPLETED')) OR rows_matched IS NOT NULL AND rows_written IS NOT NULL AND rows_matched = rows_written), 
	CONSTRAINT exports_reason_known CHECK (cancel_reason IS NULL OR cancel_reason IN ('NOT_RETRYABLE', 'REQUESTED', 'RETRIES_EXHAUSTED')), 
	CONSTRAINT exports_priority_known CHECK (priority BETWEEN 0 AND 9), 
	CONSTRAINT exports_told_where_asked CHECK ((callback_sent = 0 OR callback_url IS NOT NULL) AND (email_sent = 0 OR notify_email IS NOT NULL))
);
INSERT INTO "exports" VALUES('01935a00-0000-7000-8000-000000000001','acme','/entities/7/invoices?total[gt]=3','Invoices','XLSX','["invoice.cfdi.xml"]','{"team": "tax"}','{"query": "total[gt]=3", "columns": [["total", "total", "Total", "decimal", 18, 2]], "packaging": "AUTO", "time_zone": "America/Mexico_City", "ttl": 604800000000, "filename": "a\u00f1o.xlsx"}','[["DATE_BARE", "a date without a time", 1]]',X'0A08496E766F69636573120B0A0463666469120373716C1A0A0A08696E766F69636573220269642A240A05746F74616C1205746F74616C1A05546F74616C220D0A07646563696D616C1012180232020A003A040A0269644A20080112035554431A0D0A012C10001A020D0A300038012206080110012001280150015A08696E766F6963657368017200','QUEUED',9,1,0,3,NULL,NULL,1793534400000000,1793534400000000,NULL,NULL,NULL,'[]',NULL,NULL,NULL,NULL,0,NULL,NULL,4,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,0,0);
INSERT INTO "exports" VALUES('01935a00-0000-7000-8000-000000000002','done','/entities/7/invoices?total[gt]=3','Invoices','XLSX','["invoice.cfdi.xml"]','{"team": "tax"}','{"query": "total[gt]=3", "columns": [["total", "total", "Total", "decimal", 18, 2, null]], "packaging": "AUTO", "time_zone": "America/Mexico_City", "ttl": 604800000000, "filename": "a\u00f1o.xlsx", "csv": null, "xlsx": {"freeze_header": true, "autofilter": true, "compact": true, "long_text": "REFUSE"}, "compression": "NONE", "filter_mode": "STRICT", "by_changes": false}','[["DATE_BARE", "a date without a time", 1]]',X'0A08496E766F69636573120B0A0463666469120373716C1A0A0A08696E766F69636573220269642A240A05746F74616C1205746F74616C1A05546F74616C220D0A07646563696D616C1012180232020A003A040A0269644A20080112035554431A0D0A012C10001A020D0A300038012206080110012001280150015A08696E766F6963657368017200','COMPLETED',3,1,1,3,NULL,NULL,1793534400000000,1793534401000000,1793534400000000,1793534401000000,1000000,'[]',NULL,'2e1f2f16c8fa898c8481152442172347','worker-1','p1',1,1793534400000000,1793534415000000,1,0,NULL,'01935a00-0000-7000-8000-000000000003','invoices.zip','01935a00-0000-7000-8000-000000000002/table.zip',4096,'abababababababababababababababababababababababababababababababab','application/zip','zip','[["invoices.xlsx", 4000], ["a/b.xml", 9]]',2,1,12,1793534400000000,1794139200000000,12,12,'COUNT','SNAPSHOT',1793534400000000,'[["LONG", "cut", 2]]',1,NULL,'01935a00-0000-7000-8000-000000000004','{"filename": "invoices-attachments.zip", "artifact": {"key": "01935a00-0000-7000-8000-000000000002/attachments.zip", "size_bytes": 4096, "sha256": "efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef", "media_type": "application/zip", "extension": "zip", "entries": [["invoices.xlsx", 4000], ["a/b.xml", 9]], "entry_count": 2, "encrypted": true}}',0,'ops@example.test','https://hooks.example/exports',0,1);
INSERT INTO "exports" VALUES('01935a00-0000-7000-8000-000000000005','stopped','/entities/7/invoices?total[gt]=3','Invoices','XLSX','["invoice.cfdi.xml"]','{"team": "tax"}','{"query": "total[gt]=3", "columns": [["total", "total", "Total", "decimal", 18, 2, null]], "packaging": "AUTO", "time_zone": "America/Mexico_City", "ttl": 604800000000, "filename": "a\u00f1o.xlsx", "csv": null, "xlsx": {"freeze_header": true, "autofilter": true, "compact": true, "long_text": "REFUSE"}, "compression": "NONE", "filter_mode": "STRICT", "by_changes": false}','[["DATE_BARE", "a date without a time", 1]]',X'0A08496E766F69636573120B0A0463666469120373716C1A0A0A08696E766F69636573220269642A240A05746F74616C1205746F74616C1A05546F74616C220D0A07646563696D616C1012180232020A003A040A0269644A20080112035554431A0D0A012C10001A020D0A300038012206080110012001280150015A08696E766F6963657368017200','CANCELLED',2,1,0,3,'REQUESTED',NULL,1793534400000000,1793534401000000,NULL,1793534401000000,NULL,'[]',NULL,NULL,NULL,NULL,0,NULL,NULL,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,0,0);
INSERT INTO "exports" VALUES('01935a00-0000-7000-8000-000000000006','gone','/entities/7/invoices?total[gt]=3','Invoices','XLSX','["invoice.cfdi.xml"]','{"team": "tax"}','{"query": "total[gt]=3", "columns": [["total", "total", "Total", "decimal", 18, 2, null]], "packaging": "AUTO", "time_zone": "America/Mexico_City", "ttl": 604800000000, "filename": "a\u00f1o.xlsx", "csv": null, "xlsx": {"freeze_header": true, "autofilter": true, "compact": true, "long_text": "REFUSE"}, "compression": "NONE", "filter_mode": "STRICT", "by_changes": false}','[["DATE_BARE", "a date without a time", 1]]',X'0A08496E766F69636573120B0A0463666469120373716C1A0A0A08696E766F69636573220269642A240A05746F74616C1205746F74616C1A05546F74616C220D0A07646563696D616C1012180232020A003A040A0269644A20080112035554431A0D0A012C10001A020D0A300038012206080110012001280150015A08696E766F6963657368017200','CANCELLED',3,1,0,3,'REQUESTED',NULL,1793534400000000,1793534401000000,NULL,1793534400000000,NULL,'[]',1793534401000000,NULL,NULL,NULL,0,NULL,NULL,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,0,0);
INSERT INTO "exports" VALUES('01935a00-0000-7000-8000-000000000007','broken','/entities/7/invoices?total[gt]=3','Invoices','XLSX','["invoice.cfdi.xml"]','{"team": "tax"}','{"query": "total[gt]=3", "columns": [["total", "total", "Total", "decimal", 18, 2, null]], "packaging": "AUTO", "time_zone": "America/Mexico_City", "ttl": 604800000000, "filename": "a\u00f1o.xlsx", "csv": null, "xlsx": {"freeze_header": true, "autofilter": true, "compact": true, "long_text": "REFUSE"}, "compression": "NONE", "filter_mode": "STRICT", "by_changes": false}','[["DATE_BARE", "a date without a time", 1]]',X'0A08496E766F69636573120B0A0463666469120373716C1A0A0A08696E766F69636573220269642A240A05746F74616C1205746F74616C1A05546F74616C220D0A07646563696D616C1012180232020A003A040A0269644A20080112035554431A0D0A012C10001A020D0A300038012206080110012001280150015A08696E766F6963657368017200','FAILED',3,1,1,3,NULL,1793534461000000,1793534400000000,1793534401000000,1793534400000000,NULL,1000000,'[{"attempt":1,"code":"SOURCE_UNAVAILABLE","message":"the source did not answer","time":1793534401000000,"run":1}]',NULL,NULL,NULL,NULL,0,NULL,NULL,1,0,'a34e5a162ad41b2b0598e94aaf325a5a',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,0,0);
INSERT INTO "exports" VALUES('01935a00-0000-7000-8000-000000000008','hopeless','/entities/7/invoices?total[gt]=3','Invoices','XLSX','["invoice.cfdi.xml"]','{"team": "tax"}','{"query": "total[gt]=3", "columns": [["total", "total", "Total", "decimal", 18, 2, null]], "packaging": "AUTO", "time_zone": "America/Mexico_City", "ttl": 604800000000, "filename": "a\u00f1o.xlsx", "csv": null, "xlsx": {"freeze_header": true, "autofilter": true, "compact": true, "long_text": "REFUSE"}, "compression": "NONE", "filter_mode": "STRICT", "by_changes": false}','[["DATE_BARE", "a date without a time", 1]]',X'0A08496E766F69636573120B0A0463666469120373716C1A0A0A08696E766F69636573220269642A240A05746F74616C1205746F74616C1A05546F74616C220D0A07646563696D616C1012180232020A003A040A0269644A20080112035554431A0D0A012C10001A020D0A300038012206080110012001280150015A08696E766F6963657368017200','CANCELLED',3,1,1,3,'NOT_RETRYABLE',NULL,1793534400000000,1793534401000000,1793534400000000,1793534401000000,1000000,'[{"attempt":1,"code":"SOURCE_UNAVAILABLE","message":"the source did not answer","time":1793534401000000,"run":1}]',NULL,NULL,NULL,NULL,0,NULL,NULL,1,0,'67dd20b023b688af8cf43a4a7cd3f87e',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,'https://hooks.example/exports',0,0);
INSERT INTO "exports" VALUES('01935a00-0000-7000-8000-000000000009','busy','/entities/7/invoices?total[gt]=3','Invoices','XLSX','["invoice.cfdi.xml"]','{"team": "tax"}','{"query": "total[gt]=3", "columns": [["total", "total", "Total", "decimal", 18, 2, null]], "packaging": "AUTO", "time_zone": "America/Mexico_City", "ttl": 604800000000, "filename": "a\u00f1o.xlsx", "csv": null, "xlsx": {"freeze_header": true, "autofilter": true, "compact": true, "long_text": "REFUSE"}, "compression": "NONE", "filter_mode": "STRICT", "by_changes": false}','[["DATE_BARE", "a date without a time", 1]]',X'0A08496E766F69636573120B0A0463666469120373716C1A0A0A08696E766F69636573220269642A240A05746F74616C1205746F74616C1A05546F74616C220D0A07646563696D616C1012180232020A003A040A0269644A20080112035554431A0D0A012C10001A020D0A300038012206080110012001280150015A08696E766F6963657368017200','PROCESSING',2,1,1,3,NULL,NULL,1793534400000000,1793534400000000,1793534400000000,NULL,NULL,'[]',NULL,'3463707adf35ab03414265699c22f89f','worker-1','p4',1,1793534400000000,1793534431000000,1,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,5,NULL,NULL,0,0);
CREATE TABLE installation (
	id INTEGER NOT NULL, 
	store_id TEXT NOT NULL, 
	CONSTRAINT installation_key PRIMARY KEY (id), 
	CONSTRAINT installation_one_row CHECK (id = 1)
);
INSERT INTO "installation" VALUES(1,'6d0b0bb6-4a08-4b4e-9f0c-1f3b2c9d0a11');
CREATE TABLE requests (
	tenant TEXT NOT NULL, 
	request_id TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	export_id TEXT NOT NULL, 
	create_time BIGINT NOT NULL, 
	CONSTRAINT requests_key PRIMARY KEY (tenant, request_id), 
	CONSTRAINT requests_export_id_fk FOREIGN KEY(export_id) REFERENCES exports (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
INSERT INTO "requests" VALUES('stopped','order-66',X'646967657374','01935a00-0000-7000-8000-000000000005',1793534400000000);
CREATE TABLE tenants (
	tenant TEXT NOT NULL, 
	vtime BIGINT NOT NULL, 
	served BIGINT NOT NULL, 
	CONSTRAINT tenants_key PRIMARY KEY (tenant)
);
INSERT INTO "tenants" VALUES('acme',4000000,3000000);
INSERT INTO "tenants" VALUES('done',1000000,0);
INSERT INTO "tenants" VALUES('broken',1000000,0);
INSERT INTO "tenants" VALUES('hopeless',2000000,1000000);
INSERT INTO "tenants" VALUES('busy',3000000,2000000);
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
INSERT INTO "transitions" VALUES(1,'01935a00-0000-7000-8000-000000000002',1,1,0,'CREATE','QUEUED','CALLER','','',1793534400000000);
INSERT INTO "transitions" VALUES(2,'01935a00-0000-7000-8000-000000000001',2,1,1,'LEASE','PROCESSING','WORKER','worker-1','',1793534400000000);
INSERT INTO "transitions" VALUES(3,'01935a00-0000-7000-8000-000000000002',2,1,1,'LEASE','PROCESSING','WORKER','worker-1','',1793534400000000);
INSERT INTO "transitions" VALUES(4,'01935a00-0000-7000-8000-000000000002',3,1,1,'COMPLETE','COMPLETED','WORKER','worker-1','',1793534401000000);
INSERT INTO "transitions" VALUES(5,'01935a00-0000-7000-8000-000000000001',3,1,0,'RELEASE','QUEUED','WORKER','worker-1','given back',1793534401000000);
INSERT INTO "transitions" VALUES(6,'01935a00-0000-7000-8000-000000000005',1,1,0,'CREATE','QUEUED','CALLER','','',1793534400000000);
INSERT INTO "transitions" VALUES(7,'01935a00-0000-7000-8000-000000000005',2,1,0,'CANCEL','CANCELLED','CALLER','','asked for',1793534401000000);
INSERT INTO "transitions" VALUES(8,'01935a00-0000-7000-8000-000000000006',1,1,0,'CREATE','QUEUED','CALLER','','',1793534400000000);
INSERT INTO "transitions" VALUES(9,'01935a00-0000-7000-8000-000000000006',2,1,0,'CANCEL','CANCELLED','CALLER','','asked for',1793534400000000);
INSERT INTO "transitions" VALUES(10,'01935a00-0000-7000-8000-000000000007',1,1,0,'CREATE','QUEUED','CALLER','','',1793534400000000);
INSERT INTO "transitions" VALUES(11,'01935a00-0000-7000-8000-000000000007',2,1,1,'LEASE','PROCESSING','WORKER','worker-1','',1793534400000000);
INSERT INTO "transitions" VALUES(12,'01935a00-0000-7000-8000-000000000001',4,1,1,'LEASE','PROCESSING','WORKER','worker-1','',1793534400000000);
INSERT INTO "transitions" VALUES(13,'01935a00-0000-7000-8000-000000000001',5,1,0,'RELEASE','QUEUED','WORKER','worker-1','given back',1793534400000000);
INSERT INTO "transitions" VALUES(14,'01935a00-0000-7000-8000-000000000007',3,1,1,'FAIL','FAILED','WORKER','worker-1','SOURCE_UNAVAILABLE: the source did not answer',1793534401000000);
INSERT INTO "transitions" VALUES(15,'01935a00-0000-7000-8000-000000000008',1,1,0,'CREATE','QUEUED','CALLER','','',1793534400000000);
INSERT INTO "transitions" VALUES(16,'01935a00-0000-7000-8000-000000000008',2,1,1,'LEASE','PROCESSING','WORKER','worker-1','',1793534400000000);
INSERT INTO "transitions" VALUES(17,'01935a00-0000-7000-8000-000000000001',6,1,1,'LEASE','PROCESSING','WORKER','worker-1','',1793534400000000);
INSERT INTO "transitions" VALUES(18,'01935a00-0000-7000-8000-000000000001',7,1,0,'RELEASE','QUEUED','WORKER','worker-1','given back',1793534400000000);
INSERT INTO "transitions" VALUES(19,'01935a00-0000-7000-8000-000000000008',3,1,1,'GIVE_UP','CANCELLED','WORKER','worker-1','SOURCE_UNAVAILABLE: the source did not answer',1793534401000000);
INSERT INTO "transitions" VALUES(20,'01935a00-0000-7000-8000-000000000009',1,1,0,'CREATE','QUEUED','CALLER','','',1793534400000000);
INSERT INTO "transitions" VALUES(21,'01935a00-0000-7000-8000-000000000009',2,1,1,'LEASE','PROCESSING','WORKER','worker-1','',1793534400000000);
INSERT INTO "transitions" VALUES(22,'01935a00-0000-7000-8000-000000000001',8,1,1,'LEASE','PROCESSING','WORKER','worker-1','',1793534400000000);
INSERT INTO "transitions" VALUES(23,'01935a00-0000-7000-8000-000000000001',9,1,0,'RELEASE','QUEUED','WORKER','worker-1','given back',1793534400000000);
CREATE INDEX requests_by_export ON requests (export_id);
CREATE UNIQUE INDEX exports_file ON exports (file_id) WHERE file_id IS NOT NULL;
CREATE INDEX exports_listed ON exports (tenant, id) WHERE deleted_time IS NULL;
CREATE INDEX exports_listed_by_type ON exports (tenant, type, id) WHERE deleted_time IS NULL;
CREATE UNIQUE INDEX exports_attachments ON exports (attachments_id) WHERE attachments_id IS NOT NULL;
CREATE INDEX exports_leased_by ON exports (lease_worker_id) WHERE state IN ('PROCESSING');
CREATE INDEX exports_listed_by_state ON exports (tenant, state, id) WHERE deleted_time IS NULL;
CREATE INDEX exports_leased_until ON exports (lease_expire_time) WHERE state IN ('PROCESSING');
CREATE INDEX exports_turn ON exports (tenant, priority DESC, id, state) WHERE state IN ('QUEUED');
CREATE INDEX exports_oldest ON exports (id, state) WHERE state IN ('QUEUED');
CREATE INDEX exports_turn_again ON exports (tenant, next_attempt_time, id, state) WHERE state IN ('FAILED');
CREATE INDEX exports_due ON exports (next_attempt_time, state) WHERE state IN ('FAILED');
CREATE INDEX exports_running ON exports (tenant, state) WHERE state IN ('PROCESSING');
CREATE INDEX exports_deleted ON exports (deleted_time) WHERE deleted_time IS NOT NULL;
CREATE INDEX exports_ended ON exports (end_time) WHERE state IN ('CANCELLED', 'COMPLETED');
CREATE INDEX requests_made ON requests (create_time);
CREATE INDEX tenants_served ON tenants (served);
CREATE INDEX transitions_of_export ON transitions (export_id, id);
CREATE INDEX deliveries_due ON deliveries (next_attempt_time) WHERE state = 'PENDING';
COMMIT;
