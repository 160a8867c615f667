-- Who is notified of what.
CREATE TABLE lapinq_notify_rules (
    id              bigint           NOT NULL GENERATED ALWAYS AS IDENTITY,
    name            text             NOT NULL,
    kind            text             NOT NULL,
    url             text,                       -- of a webhook, or of Slack and its like
    addresses       text[],                     -- of a mail
    events          text[]           NOT NULL,
    queues          text[],                     -- NULL: all
    backlog_seconds double precision NOT NULL,  -- how long the oldest ready task may wait
    is_enabled      boolean          NOT NULL DEFAULT true,
    version         integer          NOT NULL DEFAULT 1,
    created_at      timestamptz      NOT NULL,
    created_by      text             NOT NULL,
    updated_at      timestamptz      NOT NULL,
    -- Of the delivery, which sends all notices of a rule in one message.
    next_at         timestamptz      NOT NULL,  -- no message before
    taken_until     timestamptz,                -- a process is sending one
    left_out        bigint           NOT NULL DEFAULT 0, -- notices that the full outbox did not take
    CONSTRAINT lapinq_notify_rules_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_notify_rules_name_key UNIQUE (name),
    CONSTRAINT lapinq_notify_rules_kind_check CHECK (kind IN ('webhook', 'slack', 'mail')),
    CONSTRAINT lapinq_notify_rules_where_check CHECK ((kind = 'mail') = (url IS NULL) AND (kind = 'mail') = (addresses IS NOT NULL)),
    CONSTRAINT lapinq_notify_rules_events_check
        CHECK (events <> '{}' AND events <@ ARRAY['error.new', 'error.regressed', 'backlog', 'worker.dead'])
);

-- The outbox: one row for each event and rule.
CREATE TABLE lapinq_notices (
    id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    rule_id    bigint      NOT NULL,
    event      text        NOT NULL,
    details    jsonb       NOT NULL,
    state      text        NOT NULL DEFAULT 'pending',
    tries      integer     NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    tried_at   timestamptz,
    answer     smallint,             -- the HTTP status
    failure    text,
    CONSTRAINT lapinq_notices_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_notices_rule_id_fkey FOREIGN KEY (rule_id) REFERENCES lapinq_notify_rules (id) ON DELETE CASCADE,
    CONSTRAINT lapinq_notices_state_check CHECK (state IN ('pending', 'sent', 'given_up'))
);

CREATE INDEX lapinq_notices_pending ON lapinq_notices (rule_id, id) WHERE state = 'pending';
CREATE INDEX lapinq_notices_rule ON lapinq_notices (rule_id, id);
CREATE INDEX lapinq_notices_ended ON lapinq_notices (tried_at) WHERE state <> 'pending';

-- What lasts and is told once: a backlog of a queue, a dead worker. The row goes when the condition ends.
CREATE TABLE lapinq_notify_conditions (
    rule_id bigint      NOT NULL,
    event   text        NOT NULL,
    subject text        NOT NULL, -- a queue, a worker's id
    since   timestamptz NOT NULL,
    told_at timestamptz,
    CONSTRAINT lapinq_notify_conditions_pkey PRIMARY KEY (rule_id, event, subject),
    CONSTRAINT lapinq_notify_conditions_rule_id_fkey
        FOREIGN KEY (rule_id) REFERENCES lapinq_notify_rules (id) ON DELETE CASCADE
);
