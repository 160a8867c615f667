-- The tables that lapinq 1.3.0 makes.
CREATE TABLE lapinq_schema_version (version integer PRIMARY KEY);
INSERT INTO lapinq_schema_version SELECT generate_series(0, 5);

CREATE TABLE lapinq_tasks (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    queue_name       text NOT NULL,
    task_name        text NOT NULL,
    module_path      text NOT NULL,
    args             jsonb NOT NULL DEFAULT '[]',
    kwargs           jsonb NOT NULL DEFAULT '{}',
    status           text NOT NULL DEFAULT 'pending' CHECK (
        status IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'expired')
    ),
    result           text,
    error            text,
    attempts         integer NOT NULL DEFAULT 0,
    max_retries      integer NOT NULL DEFAULT 3,
    priority         integer NOT NULL DEFAULT 0,
    created_at       timestamptz NOT NULL DEFAULT now(),
    scheduled_at     timestamptz NOT NULL DEFAULT now(),
    started_at       timestamptz,
    completed_at     timestamptz,
    last_heartbeat   timestamptz,
    worker_id        text,
    ttl_seconds      double precision,
    metadata         jsonb DEFAULT '{}',
    progress         double precision,
    progress_message text,
    retry_delay      double precision,
    retry_backoff    boolean DEFAULT true,
    webhook_url      text
);

CREATE TABLE lapinq_users (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    username      text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    role          text NOT NULL DEFAULT 'user' CHECK (role IN ('admin', 'user')),
    permissions   jsonb NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
INSERT INTO lapinq_users (username, password_hash, role) VALUES ('lapinq', 'x', 'admin');
