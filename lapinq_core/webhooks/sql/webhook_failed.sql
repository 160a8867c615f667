-- Notes that a try came to nothing, and puts the next one off by `wait` seconds; gives the webhook up when that is more
-- than `give_up` seconds after its first, or `is_final`. Answers its state; no row when the lease is another's by now,
-- or somebody asked to send it again meanwhile. `lease` is the due_at that came with it.
-- Locks the row. Relies on the primary key.
UPDATE lapinq_webhooks
   SET state = CASE WHEN %(is_final)s::boolean
                      OR lapinq_now() + %(wait)s::float8 * interval '1 second'
                         > retry_since + %(give_up)s::float8 * interval '1 second'
                    THEN 'given_up' ELSE 'pending' END,
       due_at = lapinq_now() + %(wait)s::float8 * interval '1 second',
       answer = %(answer)s::smallint,
       failure = %(failure)s::text
 WHERE seq = %(seq)s::bigint
   AND state = 'pending'
   AND due_at = %(lease)s::timestamptz
RETURNING state
