ALTER TABLE deliveries ADD COLUMN event TEXT COLLATE "C" NOT NULL DEFAULT '';

ALTER TABLE deliveries ADD COLUMN number BIGINT NOT NULL DEFAULT 0;

ALTER TABLE deliveries DROP CONSTRAINT deliveries_once;

ALTER TABLE deliveries ADD CONSTRAINT deliveries_once UNIQUE (export_id, run, channel, number);

-- json instead of jsonb: the fields of a callback keep their order.
ALTER TABLE deliveries ALTER COLUMN notice TYPE JSON
