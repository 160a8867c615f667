-- A list as somebody likes to see it. It goes with its owner, also if it is shared.
CREATE TABLE lapinq_views (
    id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    owner_id   bigint      NOT NULL,
    name       text        NOT NULL,
    page       text        NOT NULL, -- its path
    query      text        NOT NULL, -- without the question mark
    is_shared  boolean     NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    CONSTRAINT lapinq_views_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_views_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES lapinq_users (id) ON DELETE CASCADE,
    CONSTRAINT lapinq_views_name_key UNIQUE (owner_id, page, name)
);

CREATE INDEX lapinq_views_shared ON lapinq_views (page) WHERE is_shared;

-- One-time links with which a user sets a password.
CREATE TABLE lapinq_invitations (
    token_hash bytea       NOT NULL,
    user_id    bigint      NOT NULL,
    purpose    text        NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text        NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    CONSTRAINT lapinq_invitations_pkey PRIMARY KEY (token_hash),
    CONSTRAINT lapinq_invitations_user_id_fkey FOREIGN KEY (user_id) REFERENCES lapinq_users (id) ON DELETE CASCADE,
    CONSTRAINT lapinq_invitations_purpose_check CHECK (purpose IN ('invite', 'reset'))
);

CREATE INDEX lapinq_invitations_user_id ON lapinq_invitations (user_id);
CREATE INDEX lapinq_invitations_expires_at ON lapinq_invitations (expires_at);
