-- Groups of before have neither: their next failure fills them in.
ALTER TABLE lapinq_error_groups
    ADD COLUMN place text, -- who raised; NULL: unknown, or errors of several places
    ADD COLUMN samples text[] NOT NULL DEFAULT '{}'; -- first lines that differ, the newest first

-- How many groups of a task function failed lately, when one more comes.
CREATE INDEX lapinq_error_groups_task ON lapinq_error_groups (queue_name, task_name, last_at);

-- Errors that count in a group that isn't their own: somebody merged them, or they were counted there before 0069.
CREATE TABLE lapinq_error_merges (
    fingerprint bytea       NOT NULL,
    group_id    bigint      NOT NULL,
    kind        text        NOT NULL,
    place       text,
    merged_by   text,                 -- NULL: nobody, it is from before 0069
    merged_at   timestamptz NOT NULL,
    CONSTRAINT lapinq_error_merges_pkey PRIMARY KEY (fingerprint),
    CONSTRAINT lapinq_error_merges_group_id_fkey
        FOREIGN KEY (group_id) REFERENCES lapinq_error_groups (id) ON DELETE CASCADE
);

CREATE INDEX lapinq_error_merges_group ON lapinq_error_merges (group_id);
