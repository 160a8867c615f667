-- One row for each boot of a worker. A worker whose last beat is older than its lease is declared dead, and stays dead:
-- its process registers again.
CREATE TABLE lapinq_workers (
    id             uuid             NOT NULL,
    name           text             NOT NULL,
    hostname       text             NOT NULL,
    pid            integer          NOT NULL,
    version        text             NOT NULL,
    queues         text[],
    pool           text             NOT NULL,
    concurrency    integer          NOT NULL,
    lease_seconds  double precision NOT NULL,
    started_at     timestamptz      NOT NULL,
    beat_at        timestamptz      NOT NULL,
    dead_at        timestamptz,
    -- Sent with each beat.
    memory_bytes   bigint,           -- resident, with its child processes
    running        integer,          -- attempts
    rate           double precision, -- attempts ended per second since the last beat
    is_quiet       boolean          NOT NULL DEFAULT false,
    -- What an operator asked of it: to claim nothing more, or to stop.
    asked_to       text,
    asked_by       text,
    asked_at       timestamptz,
    -- The database's clock jumped forward: deadlines of claims up to jumped_at, by the old clock, are this much later.
    jumped_at      timestamptz,
    jumped_seconds double precision,
    CONSTRAINT lapinq_workers_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_workers_asked_to_check CHECK (asked_to IN ('quiet', 'stop'))
) WITH (fillfactor = 50);
