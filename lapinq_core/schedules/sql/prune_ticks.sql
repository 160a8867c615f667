-- Deletes up to `limit` old ticks, except the latest ones of each schedule. Returns how many.
-- Locks what it deletes, skipping locked ones. Relies on lapinq_ticks_fired_at and lapinq_ticks_pkey.
WITH old AS MATERIALIZED (
    SELECT schedule_id, fire_at
      FROM lapinq_ticks t
     WHERE fired_at < lapinq_now() - %(kept_seconds)s * interval '1 second'
       AND outcome <> 'held'
       AND fire_at < (SELECT fire_at
                        FROM lapinq_ticks
                       WHERE schedule_id = t.schedule_id
                       ORDER BY fire_at DESC
                      OFFSET %(kept_count)s::integer - 1
                       LIMIT 1)
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_ticks t
     USING old
     WHERE t.schedule_id = old.schedule_id AND t.fire_at = old.fire_at
    RETURNING 1
)
SELECT count(*) FROM gone
