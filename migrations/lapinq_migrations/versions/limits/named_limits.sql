-- Limits that queues share, by name. Tokens as in lapinq_queues. `closed_until`: a task found what is behind it
-- exhausted.
CREATE TABLE lapinq_limits (
    name         text COLLATE "C" NOT NULL,
    max_running  integer     CHECK (max_running >= 1),
    rate         jsonb,
    tokens       double precision,
    tokens_at    timestamptz,
    closed_until timestamptz,
    created_at   timestamptz NOT NULL,
    CONSTRAINT lapinq_limits_pkey PRIMARY KEY (name)
);

-- What tasks say about their limits: units to give back, or to take if negative, and until when it is closed. Written
-- without a lock, and read by the next claim that uses the limit.
CREATE TABLE lapinq_limit_news (
    limit_name   text COLLATE "C" NOT NULL,
    seq          bigint           NOT NULL GENERATED ALWAYS AS IDENTITY,
    units        double precision NOT NULL DEFAULT 0,
    closed_until timestamptz,
    CONSTRAINT lapinq_limit_news_pkey PRIMARY KEY (limit_name, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
