-- What an operator says about a queue: how many of its tasks may run, how often they may start, and in which order. NULL
-- means no rule. A rate is {"limit": starts, "period_seconds": seconds, "burst": starts}.
ALTER TABLE lapinq_queues
    ADD COLUMN max_running_per_key integer CHECK (max_running_per_key >= 1),
    ADD COLUMN rate                jsonb,
    ADD COLUMN rate_per_key        jsonb,
    ADD COLUMN start_order         text NOT NULL DEFAULT 'priority'
        CHECK (start_order IN ('priority', 'fair', 'strict_per_key')),
    ADD COLUMN weights             jsonb,
    -- A claim has heard of a task with a key or a limit: only a claim that knows lanes finds it.
    ADD COLUMN is_laned            boolean NOT NULL DEFAULT false,
    -- What claims write under the lock of the row: the tokens left at a time (NULL: all), the virtual time of the last
    -- start, and the virtual time at which tasks without a key go on.
    ADD COLUMN tokens              double precision,
    ADD COLUMN tokens_at           timestamptz,
    ADD COLUMN virtual_time        double precision NOT NULL DEFAULT 0,
    ADD COLUMN unkeyed_time        double precision NOT NULL DEFAULT 0,
    -- The transaction that first gave the queue a policy: claims older than that may not know it.
    ADD COLUMN governed_xid        bigint,
    ADD COLUMN governed_at         timestamptz;

-- The tokens of a bucket now. A clock that was set back adds none.
CREATE FUNCTION lapinq_tokens(rate jsonb, tokens double precision, tokens_at timestamptz) RETURNS double precision
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
SELECT least((rate ->> 'burst')::float8,
             coalesce(tokens, (rate ->> 'burst')::float8)
             + greatest(0, coalesce(extract(epoch FROM lapinq_now() - tokens_at)::float8, 0))
               * (rate ->> 'limit')::float8 / (rate ->> 'period_seconds')::float8)
$$;

-- Up to when a bucket has been filled, once its tokens are written. A clock that was set back by more than a period starts
-- again; by less, nothing comes in until it has caught up.
CREATE FUNCTION lapinq_refilled_at(rate jsonb, tokens_at timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
SELECT CASE WHEN tokens_at <= lapinq_now() + (rate ->> 'period_seconds')::float8 * interval '1 second'
            THEN greatest(tokens_at, lapinq_now())
            ELSE lapinq_now() END
$$;
