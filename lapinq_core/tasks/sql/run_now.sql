-- Makes a delayed task ready, scheduled or waiting for a retry: behind the ready ones of its priority, as if it had
-- become due now, and it waits from now on. Returns its queue if it did; no row if the task is unknown, not delayed, or blocked.
-- Locks its row in delayed; against a promotion or a cancellation one of the two wins. Relies on lapinq_delayed_pkey: IS TRUE hides the
-- time from the planner, which would read the index by that when its statistics are old.
WITH gone AS (
    DELETE FROM lapinq_delayed
     WHERE id = %(id)s::uuid
       AND (due_at < lapinq_never()) IS TRUE
    RETURNING id, queue_name, rank, starts, expires_at, isolation, lane, units
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT queue_name, array_agg(lane)
      FROM gone
     WHERE lane IS NOT NULL
     GROUP BY queue_name
)
INSERT INTO lapinq_ready (queue_name, rank, id, starts, expires_at, isolation, since, lane, units)
SELECT queue_name, rank, id, starts, expires_at, isolation, lapinq_now(), lane, units
  FROM gone
RETURNING queue_name
