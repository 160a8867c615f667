-- The outbox of webhooks: a row is written with the end of its task and stays after delivery.
CREATE TABLE lapinq_webhooks (
    seq          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    id           uuid        NOT NULL DEFAULT gen_random_uuid(), -- of the event, the same for every try
    task_id      uuid        NOT NULL,
    queue_name   text        NOT NULL,
    task_name    text        NOT NULL,
    url          text        NOT NULL,
    -- Hosts take turns, so that a slow receiver doesn't delay the others.
    host         text        NOT NULL GENERATED ALWAYS AS
                 (coalesce(nullif(lower(left(substring(url FROM '^[^/]*//(?:[^/?#]*@)?([^/?#]*)'), 255)), ''), '?')) STORED,
    status       text        NOT NULL,
    result       text,
    error        text,
    attempt      integer     NOT NULL,
    started_at   timestamptz,
    finished_at  timestamptz NOT NULL,
    state        text        NOT NULL DEFAULT 'pending',
    tries        integer     NOT NULL DEFAULT 0,
    retry_since  timestamptz NOT NULL,
    -- The next try of a pending one. Taking it moves the time on, so a try without a recorded outcome is repeated.
    due_at       timestamptz NOT NULL,
    tried_at     timestamptz,
    answer       smallint,
    failure      text,
    CONSTRAINT lapinq_webhooks_pkey PRIMARY KEY (seq),
    CONSTRAINT lapinq_webhooks_id_key UNIQUE (id),
    CONSTRAINT lapinq_webhooks_state_check CHECK (state IN ('pending', 'delivered', 'given_up'))
);

CREATE INDEX lapinq_webhooks_due_at ON lapinq_webhooks (due_at) WHERE state = 'pending';
CREATE INDEX lapinq_webhooks_host ON lapinq_webhooks (host, due_at) WHERE state = 'pending';
CREATE INDEX lapinq_webhooks_ended ON lapinq_webhooks (state, tried_at) WHERE state <> 'pending';
CREATE INDEX lapinq_webhooks_state ON lapinq_webhooks (state, seq);
CREATE INDEX lapinq_webhooks_queue ON lapinq_webhooks (queue_name, seq);
CREATE INDEX lapinq_webhooks_task_id ON lapinq_webhooks (task_id);

-- What a webhook says about its task beyond the attempt. A function, because a join to lapinq_tasks would lock and open
-- all its partitions at every end of an attempt, with or without a webhook.
CREATE FUNCTION lapinq_webhook_of(which uuid, OUT task_name text, OUT webhook_url text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 1
    AS $$
BEGIN
    RETURN QUERY SELECT t.task_name, t.webhook_url FROM lapinq_tasks t WHERE t.id = which AND t.webhook_url IS NOT NULL;
END
$$;
