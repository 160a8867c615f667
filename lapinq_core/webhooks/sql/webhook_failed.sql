-- Records that a delivery failed, and schedules the next one in `wait` seconds; gives the webhook up if that is more
-- than `give_up` seconds after its first, or if `is_final`. Returns its state; no row if another scheduler has the
-- lease by now, or somebody has requested to send it again. `lease` is the due_at that came with the webhook.
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
