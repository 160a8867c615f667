-- Schedules, their ticks, and the run that must not overlap with another.

CREATE TABLE lapinq_schedules (
    id              bigint           NOT NULL GENERATED ALWAYS AS IDENTITY,
    name            text             NOT NULL,
    task_name       text             NOT NULL,
    module_path     text             NOT NULL,
    queue_name      text             NOT NULL,
    args            json             NOT NULL,
    kwargs          json             NOT NULL,
    max_retries     integer          NOT NULL,
    priority        integer          NOT NULL,
    retry_delay     double precision NOT NULL,
    retry_backoff   boolean          NOT NULL,
    ttl_seconds     double precision,
    metadata        jsonb,
    webhook_url     text,
    timeout_seconds double precision,
    cron            text,                                 -- either this
    every_seconds   integer,                              -- or this
    timezone        text             NOT NULL,
    anchor_at       timestamptz      NOT NULL,            -- intervals count from here
    starts_at       timestamptz,
    ends_at         timestamptz,
    jitter          double precision NOT NULL,
    misfire         text             NOT NULL,
    misfire_limit   integer          NOT NULL,
    overlap         text             NOT NULL,
    paused_at       timestamptz,
    paused_by       text,
    pause_reason    text,
    source          text,                                 -- where it is declared, if not here
    version         integer          NOT NULL DEFAULT 1,  -- grows with each change, not with a tick
    next_fire_at    timestamptz,                          -- NULL: paused, or none left
    created_at      timestamptz      NOT NULL,
    updated_at      timestamptz      NOT NULL,
    updated_by      text             NOT NULL,
    CONSTRAINT lapinq_schedules_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_schedules_name_key UNIQUE (name),
    CONSTRAINT lapinq_schedules_when_check CHECK (num_nonnulls(cron, every_seconds) = 1),
    CONSTRAINT lapinq_schedules_misfire_check CHECK (misfire IN ('latest', 'skip', 'all')),
    CONSTRAINT lapinq_schedules_overlap_check CHECK (overlap IN ('allow', 'skip', 'queue_one', 'cancel_previous')),
    CONSTRAINT lapinq_schedules_paused_check CHECK (paused_at IS NULL OR next_fire_at IS NULL)
);

CREATE INDEX lapinq_schedules_next_fire_at ON lapinq_schedules (next_fire_at, id) WHERE next_fire_at IS NOT NULL;

-- Every tick that was handled. The primary key lets only one scheduler create the task of a tick.
CREATE TABLE lapinq_ticks (
    schedule_id bigint      NOT NULL,
    fire_at     timestamptz NOT NULL, -- as planned
    fired_at    timestamptz NOT NULL,
    outcome     text        NOT NULL,
    task_id     uuid,
    missed_from timestamptz,          -- the first of the ticks before it that were missed
    fired_by    text,
    CONSTRAINT lapinq_ticks_pkey PRIMARY KEY (schedule_id, fire_at),
    CONSTRAINT lapinq_ticks_schedule_id_fkey FOREIGN KEY (schedule_id) REFERENCES lapinq_schedules (id) ON DELETE CASCADE,
    CONSTRAINT lapinq_ticks_outcome_check CHECK (outcome IN ('enqueued', 'held', 'skipped', 'missed'))
);

-- At most one run of a schedule waits for the previous one to end.
CREATE UNIQUE INDEX lapinq_ticks_held ON lapinq_ticks (schedule_id) WHERE outcome = 'held';
CREATE INDEX lapinq_ticks_fired_at ON lapinq_ticks (fired_at);
CREATE INDEX lapinq_ticks_task_id ON lapinq_ticks (task_id) WHERE task_id IS NOT NULL;

-- The one run of a schedule that no other run may overlap.
CREATE TABLE lapinq_schedule_slots (
    schedule_id bigint NOT NULL,
    task_id     uuid   NOT NULL,
    CONSTRAINT lapinq_schedule_slots_pkey PRIMARY KEY (schedule_id),
    CONSTRAINT lapinq_schedule_slots_schedule_id_fkey
        FOREIGN KEY (schedule_id) REFERENCES lapinq_schedules (id) ON DELETE CASCADE
);
