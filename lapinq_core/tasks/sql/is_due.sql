-- Whether something of the queues (NULL: of all) may start now but is not in lapinq_ready: a fire-and-forget task, or a
-- delayed one that the promoter is about to move. Leaves out paused queues.
-- Locks nothing. Relies on lapinq_delayed_due_at; lapinq_transient is read as a whole, for one that has none.
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
          AND (%(queues)s::text[] IS NULL OR d.queue_name = ANY (%(queues)s::text[]))
          AND d.queue_name NOT IN (SELECT name FROM lapinq_queues WHERE paused_at IS NOT NULL))
