-- Whether a task of the queues (NULL: all) may start now that is not in lapinq_ready: a fire-and-forget task, or a
-- delayed one that is about to be promoted. Ignores paused queues, and parked tasks as promote.sql does.
-- Locks nothing. Relies on lapinq_delayed_due_at; reads all of lapinq_transient.
SELECT EXISTS (
       SELECT
         FROM lapinq_transient t
        WHERE t.due_at <= lapinq_now()
          AND (%(queues)s::text[] IS NULL OR t.queue_name = ANY (%(queues)s::text[]))
          AND t.queue_name NOT IN (SELECT name FROM lapinq_queues WHERE paused_at IS NOT NULL))
    OR EXISTS (
       SELECT
         FROM lapinq_delayed d
        WHERE d.due_at <= lapinq_now()
          AND num_nulls(d.parked_for) > 0
          AND (%(queues)s::text[] IS NULL OR d.queue_name = ANY (%(queues)s::text[]))
          AND d.queue_name NOT IN (SELECT name FROM lapinq_queues WHERE paused_at IS NOT NULL))
