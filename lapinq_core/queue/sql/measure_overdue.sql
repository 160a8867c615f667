-- Seconds since the first delayed task was due, and since the first webhook that waits was; 0 when none is.
-- Locks nothing. Relies on lapinq_delayed_due_at and lapinq_webhooks_due_at, of which it reads the first entries.
SELECT coalesce(greatest(date_part('epoch', lapinq_now() - (SELECT due_at FROM lapinq_delayed ORDER BY due_at LIMIT 1)),
                         0), 0),
       coalesce(greatest(date_part('epoch', lapinq_now() - (SELECT due_at
                                                              FROM lapinq_webhooks
                                                             WHERE state = 'pending'
                                                             ORDER BY due_at
                                                             LIMIT 1)),
                         0), 0)
