-- How many delayed tasks are overdue by more than `overdue` seconds, counted up to 1000, and by how many seconds the
-- first is. Locks nothing. Relies on lapinq_delayed_due_at.
SELECT count(*),
       date_part('epoch', lapinq_now() - min(due_at))
  FROM (SELECT due_at
          FROM lapinq_delayed
         WHERE due_at < lapinq_now() - %(overdue)s::float8 * interval '1 second'
         ORDER BY due_at
         LIMIT 1000) AS late
