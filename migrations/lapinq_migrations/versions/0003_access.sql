-- Who may do what, what was done by whom, keys that make an enqueue repeatable, and webhooks to be delivered. New tables,
-- and columns that may be left out of an INSERT: the release before goes on writing here.

-- People. permissions is an object of queue names, each with a list of what the user may do there; an admin needs none.
CREATE TABLE lapinq_users (
    id                   bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    username             text        NOT NULL,
    password_hash        text        NOT NULL,
    role                 text        NOT NULL,
    permissions          jsonb       NOT NULL DEFAULT '{}',
    has_default_password boolean     NOT NULL DEFAULT false,
    created_at           timestamptz NOT NULL,
    CONSTRAINT lapinq_users_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_users_role_check CHECK (role IN ('admin', 'user'))
);

-- Lisa and lisa are one person.
CREATE UNIQUE INDEX lapinq_users_username ON lapinq_users (lower(username));

-- Dashboard sessions. The token itself is known to the browser alone; id is how a session is named when it is listed.
CREATE TABLE lapinq_sessions (
    token_hash bytea       NOT NULL,
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id    bigint      NOT NULL,
    address    text,
    user_agent text,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    CONSTRAINT lapinq_sessions_pkey PRIMARY KEY (token_hash),
    CONSTRAINT lapinq_sessions_id_key UNIQUE (id),
    CONSTRAINT lapinq_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES lapinq_users (id) ON DELETE CASCADE
);

CREATE INDEX lapinq_sessions_user_id ON lapinq_sessions (user_id);

-- Logins tried and not succeeded in, by name and by address: what is throttled, since when, how often.
CREATE TABLE lapinq_login_tries (
    key   text        NOT NULL,
    since timestamptz NOT NULL,
    tries integer     NOT NULL,
    CONSTRAINT lapinq_login_tries_pkey PRIMARY KEY (key)
);

CREATE INDEX lapinq_login_tries_since ON lapinq_login_tries (since);

-- Named keys of programs. The key itself is shown once, when it is made; hint is its end, by which a person knows it again.
CREATE TABLE lapinq_api_keys (
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    name         text        NOT NULL,
    key_hash     bytea       NOT NULL,
    hint         text        NOT NULL,
    scopes       text[]      NOT NULL,
    created_by   text        NOT NULL,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT lapinq_api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_api_keys_name_key UNIQUE (name),
    CONSTRAINT lapinq_api_keys_key_hash_key UNIQUE (key_hash),
    CONSTRAINT lapinq_api_keys_scopes_check CHECK (scopes <@ ARRAY['enqueue', 'read', 'manage'])
);

-- Every change made by a person or a key, in the transaction of the change. actor_id is that of the user or key, where
-- there is one; actor is the name it had.
CREATE TABLE lapinq_audit (
    id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    actor_kind text        NOT NULL,
    actor_id   bigint,
    actor      text        NOT NULL,
    action     text        NOT NULL,
    target     text,
    details    jsonb,
    address    text,
    request_id text,
    CONSTRAINT lapinq_audit_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_audit_actor_kind_check CHECK (actor_kind IN ('user', 'key', 'anonymous', 'command line'))
);

CREATE INDEX lapinq_audit_at ON lapinq_audit (at);
CREATE INDEX lapinq_audit_actor ON lapinq_audit (actor, id);
CREATE INDEX lapinq_audit_action ON lapinq_audit (action, id);
CREATE INDEX lapinq_audit_target ON lapinq_audit (target, id);

-- Enqueues that may be repeated: the key that came with the request, a digest of it, and the ids it was answered with
-- (null for a fire-and-forget task).
CREATE TABLE lapinq_idempotency_keys (
    key        text        NOT NULL,
    digest     bytea       NOT NULL,
    task_ids   uuid[]      NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT lapinq_idempotency_keys_pkey PRIMARY KEY (key)
);

CREATE INDEX lapinq_idempotency_keys_created_at ON lapinq_idempotency_keys (created_at);

-- Webhooks to be delivered and those that were, written with the end of the task. id is the event's, the same for all
-- tries. due_at is when a pending one is next tried, and moves on when somebody takes it: a try whose outcome is never
-- told is made again. host is whose turn it is, so that one slow receiver does not hold up the others.
CREATE TABLE lapinq_webhooks (
    seq          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    task_id      uuid        NOT NULL,
    queue_name   text        NOT NULL,
    task_name    text        NOT NULL,
    url          text        NOT NULL,
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

-- What a webhook says of its task beyond what its attempt knows. A function, for with a join to the tasks every end of an
-- attempt would lock and open all their partitions, a webhook or not.
CREATE FUNCTION lapinq_webhook_of(which uuid, OUT task_name text, OUT webhook_url text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 1
    AS $$
BEGIN
    RETURN QUERY SELECT t.task_name, t.webhook_url FROM lapinq_tasks t WHERE t.id = which AND t.webhook_url IS NOT NULL;
END
$$;

-- Whether the end of this attempt may be one to tell of; NULL in rows of the release before, which did not say.
ALTER TABLE lapinq_running ADD COLUMN has_webhook boolean;

-- Who paused a queue, and why.
ALTER TABLE lapinq_queues ADD COLUMN paused_by text;
ALTER TABLE lapinq_queues ADD COLUMN pause_reason text;
