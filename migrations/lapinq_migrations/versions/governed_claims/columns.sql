ALTER TABLE lapinq_queues ADD COLUMN fence bigint;
ALTER TABLE lapinq_limits
    ADD COLUMN fence bigint,
    ADD COLUMN reserved_by text,
    ADD COLUMN reserved_units double precision,
    ADD COLUMN reserved_until timestamptz;
