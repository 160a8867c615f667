-- The ready tasks of a queue that share key and limits wait in a lane. Claims write these rows, under the lock of the
-- queue's row, and look only at open lanes: those whose first task may start.
CREATE TABLE lapinq_lanes (
    queue_name text             NOT NULL,
    lane       text COLLATE "C" NOT NULL, -- the key; chr(31) and the names of its limits follow if there are any
    names      text COLLATE "C" NOT NULL, -- of its limits, ascending, with commas
    is_open    boolean          NOT NULL,
    rank       bigint           NOT NULL, -- rank and place order the open lanes
    place      double precision NOT NULL,
    head       uuid,                      -- the task that is next, where the order is strict
    opens_at   timestamptz,               -- closed until then
    changed_at timestamptz      NOT NULL,
    CONSTRAINT lapinq_lanes_pkey PRIMARY KEY (queue_name, lane)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX lapinq_lanes_open ON lapinq_lanes (queue_name, names, rank, place) WHERE is_open;
CREATE INDEX lapinq_lanes_opens_at ON lapinq_lanes (queue_name, opens_at) WHERE opens_at IS NOT NULL;

-- What claims remember of a key whose queue has a rate for each key, or shares starts among keys, or starts them in strict
-- order.
CREATE TABLE lapinq_keys (
    queue_name   text             NOT NULL,
    key          text COLLATE "C" NOT NULL,
    virtual_time double precision NOT NULL DEFAULT 0,
    tokens       double precision,
    tokens_at    timestamptz,
    holder       uuid, -- the task that started last
    changed_at   timestamptz      NOT NULL,
    CONSTRAINT lapinq_keys_pkey PRIMARY KEY (queue_name, key)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- Lanes in which something happened that may open them: a task came, or one that ran ended. Written with that, and read
-- by the next claim. `rank`, if only tasks came, is the lowest of theirs: to a lane that is open they matter only if one
-- goes before its first. `returned`: tasks that were claimed and never started.
CREATE TABLE lapinq_lane_news (
    queue_name text    NOT NULL,
    seq        bigint  NOT NULL GENERATED ALWAYS AS IDENTITY,
    lanes      text[] COLLATE "C" NOT NULL,
    returned   boolean NOT NULL DEFAULT false,
    rank       bigint,
    CONSTRAINT lapinq_lane_news_pkey PRIMARY KEY (queue_name, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- The lane of a task; NULL without a key and limits.
CREATE FUNCTION lapinq_lane(key text, limits jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE WHEN limits IS NULL OR limits = '{}'
            THEN key
            ELSE coalesce(key, '') || chr(31)
                 || (SELECT string_agg(name, ',' ORDER BY name COLLATE "C") FROM jsonb_object_keys(limits) AS name)
       END
$$;

-- The units of its limits, in the order of their names.
CREATE FUNCTION lapinq_units(limits jsonb) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT array_agg(value::bigint ORDER BY key COLLATE "C") FROM jsonb_each_text(limits)
$$;

-- The rank of a task in lapinq_ready. Those in lanes come after all others, out of reach of plain claims.
CREATE FUNCTION lapinq_rank(priority integer, lane text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE WHEN lane IS NULL THEN 0 ELSE 2199023255552 END - priority::bigint
$$;

-- A UUIDv7: 48 bits of milliseconds, 12 of their fraction, and a random rest.
CREATE FUNCTION lapinq_new_id() RETURNS uuid
    LANGUAGE sql VOLATILE PARALLEL SAFE
    AS $$
SELECT (left(time_60, 8) || '-' || substr(time_60, 9, 4) || '-7' || right(time_60, 3) || '-'
        || right(gen_random_uuid()::text, 17))::uuid
  FROM lpad(to_hex(floor(extract(epoch FROM clock_timestamp()) * 4096000)::bigint), 15, '0') AS time_60
$$;
