-- Users, their sessions and logins, API keys, and the audit log.

CREATE TABLE lapinq_users (
    id                   bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    username             text        NOT NULL,
    password_hash        text        NOT NULL,
    role                 text        NOT NULL,
    permissions          jsonb       NOT NULL DEFAULT '{}', -- queue name -> permissions there; an admin needs none
    has_default_password boolean     NOT NULL DEFAULT false,
    created_at           timestamptz NOT NULL,
    CONSTRAINT lapinq_users_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_users_role_check CHECK (role IN ('admin', 'user'))
);

-- Lisa and lisa are one user.
CREATE UNIQUE INDEX lapinq_users_username ON lapinq_users (lower(username));

-- Sessions of the dashboard. Only the browser knows the token; lists name a session by its id.
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

-- Failed logins by name and by address, for throttling.
CREATE TABLE lapinq_login_tries (
    key   text        NOT NULL,
    since timestamptz NOT NULL,
    tries integer     NOT NULL,
    CONSTRAINT lapinq_login_tries_pkey PRIMARY KEY (key)
);

CREATE INDEX lapinq_login_tries_since ON lapinq_login_tries (since);

-- API keys. The key itself is shown once, when it is created.
CREATE TABLE lapinq_api_keys (
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    name         text        NOT NULL,
    key_hash     bytea       NOT NULL,
    hint         text        NOT NULL, -- the end of the key, so that people recognize it
    scopes       text[]      NOT NULL,
    created_by   text        NOT NULL,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT lapinq_api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_api_keys_name_key UNIQUE (name),
    CONSTRAINT lapinq_api_keys_key_hash_key UNIQUE (key_hash),
    CONSTRAINT lapinq_api_keys_scopes_check CHECK (scopes <@ ARRAY['enqueue', 'read', 'manage'])
);

-- Every change that a user or a key makes, written in the transaction of the change.
CREATE TABLE lapinq_audit (
    id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    actor_kind text        NOT NULL,
    actor_id   bigint,               -- of the user or key, if there is one
    actor      text        NOT NULL, -- its name at the time
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
