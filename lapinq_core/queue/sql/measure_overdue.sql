-- Seconds since the first delayed task was due, 0 when none is.
-- Locks nothing. Relies on lapinq_delayed_due_at, of which it reads the first entry.
SELECT coalesce(greatest(date_part('epoch', lapinq_now() - (SELECT due_at FROM lapinq_delayed ORDER BY due_at LIMIT 1)),
                         0), 0)
