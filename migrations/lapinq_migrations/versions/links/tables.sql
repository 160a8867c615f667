-- What a running task asks a person by links: the `occurrence`-th with this name, counted in the step `step` of the task, which is
-- empty outside of steps. `schema` is the form, JSON text, or null for a mere confirmation. `decided_by` is the user who answered,
-- null if somebody did by a link. `expires_at` is that of its last link.
CREATE TABLE lapinq_decisions (
    id         bigint GENERATED ALWAYS AS IDENTITY,
    task_id    uuid NOT NULL,
    name       text NOT NULL,
    step       text NOT NULL,
    occurrence integer NOT NULL,
    title      text,
    question   text,
    schema     text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    decided_at timestamptz,
    decided_by text,
    CONSTRAINT lapinq_decisions_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_decisions_place UNIQUE (task_id, name, step, occurrence)
);

-- The links to them. Only hashes of their tokens are stored.
CREATE TABLE lapinq_links (
    token_hash  bytea NOT NULL,
    decision_id bigint NOT NULL,
    expires_at  timestamptz NOT NULL,
    CONSTRAINT lapinq_links_pkey PRIMARY KEY (token_hash),
    CONSTRAINT lapinq_links_decision_id_fkey FOREIGN KEY (decision_id) REFERENCES lapinq_decisions ON DELETE CASCADE
);
CREATE INDEX lapinq_links_decision_id ON lapinq_links (decision_id);
