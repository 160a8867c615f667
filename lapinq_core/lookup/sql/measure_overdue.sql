-- Seconds since the earliest delayed task, the earliest pending webhook and the earliest tick of a schedule were due; 0
-- if none is. Parked tasks wait for their breaker, and are never overdue: it steps over them, as promote.sql does.
-- Locks nothing. Relies on lapinq_delayed_due_at, lapinq_webhooks_due_at and lapinq_schedules_next_fire_at, of which it
-- reads the first entries.
SELECT coalesce(date_part('epoch', lapinq_now() - (SELECT due_at
                                                     FROM lapinq_delayed
                                                    WHERE due_at <= lapinq_now()
                                                      AND num_nulls(parked_for) > 0
                                                    ORDER BY due_at
                                                    LIMIT 1)), 0),
       coalesce(greatest(date_part('epoch', lapinq_now() - (SELECT due_at
                                                              FROM lapinq_webhooks
                                                             WHERE state = 'pending'
                                                             ORDER BY due_at
                                                             LIMIT 1)),
                         0), 0),
       coalesce(greatest(date_part('epoch', lapinq_now() - (SELECT next_fire_at
                                                              FROM lapinq_schedules
                                                             WHERE next_fire_at IS NOT NULL
                                                             ORDER BY next_fire_at
                                                             LIMIT 1)),
                         0), 0)
