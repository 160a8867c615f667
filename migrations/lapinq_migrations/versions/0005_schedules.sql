-- Schedules: what is enqueued again and again, and when it was. New tables alone, which the release before does not know.

-- One row a schedule. next_fire_at is the next planned instant, NULL while it is paused and when none is left; a scheduler
-- moves it. version grows with each change by somebody, and not with a tick. Exactly one of cron and every_seconds says
-- when; anchor_at is the instant that an interval counts from. source says where it is kept, when that is not here.
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
    cron            text,
    every_seconds   integer,
    timezone        text             NOT NULL,
    anchor_at       timestamptz      NOT NULL,
    starts_at       timestamptz,
    ends_at         timestamptz,
    jitter          double precision NOT NULL,
    misfire         text             NOT NULL,
    misfire_limit   integer          NOT NULL,
    overlap         text             NOT NULL,
    paused_at       timestamptz,
    paused_by       text,
    pause_reason    text,
    source          text,
    version         integer          NOT NULL DEFAULT 1,
    next_fire_at    timestamptz,
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

-- Every tick that was dealt with. The key is what lets one scheduler alone make the task of a tick. fire_at is the planned
-- instant; missed_from the first of the planned instants before it for which nothing was done.
CREATE TABLE lapinq_ticks (
    schedule_id bigint      NOT NULL,
    fire_at     timestamptz NOT NULL,
    fired_at    timestamptz NOT NULL,
    outcome     text        NOT NULL,
    task_id     uuid,
    missed_from timestamptz,
    fired_by    text,
    CONSTRAINT lapinq_ticks_pkey PRIMARY KEY (schedule_id, fire_at),
    CONSTRAINT lapinq_ticks_schedule_id_fkey FOREIGN KEY (schedule_id) REFERENCES lapinq_schedules (id) ON DELETE CASCADE,
    CONSTRAINT lapinq_ticks_outcome_check CHECK (outcome IN ('enqueued', 'held', 'skipped', 'missed'))
);

-- One run of a schedule may wait for the one before it to end.
CREATE UNIQUE INDEX lapinq_ticks_held ON lapinq_ticks (schedule_id) WHERE outcome = 'held';
CREATE INDEX lapinq_ticks_fired_at ON lapinq_ticks (fired_at);
CREATE INDEX lapinq_ticks_task_id ON lapinq_ticks (task_id) WHERE task_id IS NOT NULL;

-- The run of a schedule that nothing of it may overlap: one at most.
CREATE TABLE lapinq_schedule_slots (
    schedule_id bigint NOT NULL,
    task_id     uuid   NOT NULL,
    CONSTRAINT lapinq_schedule_slots_pkey PRIMARY KEY (schedule_id),
    CONSTRAINT lapinq_schedule_slots_schedule_id_fkey
        FOREIGN KEY (schedule_id) REFERENCES lapinq_schedules (id) ON DELETE CASCADE
);
