-- Records that the message with the notices `ids` of a rule was not accepted; the next try is in `wait` seconds.
-- Gives up notices that are older than `give_up` seconds, or all of them if `is_final`. Returns how many notices stay
-- pending and how many it gave up; both zero if another process has the lease by now, or the rule was changed.
-- Locks the rule, then its notices. Relies on the primary keys.
WITH rule AS (
    UPDATE lapinq_notify_rules
       SET next_at = lapinq_now() + %(wait)s::float8 * interval '1 second',
           taken_until = NULL,
           left_out = CASE WHEN %(is_final)s::boolean THEN greatest(left_out - %(left_out)s::bigint, 0) ELSE left_out END
     WHERE id = %(id)s::bigint
       AND taken_until = %(lease)s::timestamptz
    RETURNING id
), failed AS (
    UPDATE lapinq_notices n
       SET state = CASE WHEN %(is_final)s::boolean
                          OR n.created_at < lapinq_now() - %(give_up)s::float8 * interval '1 second'
                        THEN 'given_up' ELSE 'pending' END,
           tries = tries + 1, tried_at = lapinq_now(), answer = %(answer)s::smallint, failure = %(failure)s::text
      FROM rule
     WHERE n.rule_id = rule.id
       AND n.id = ANY (%(ids)s::bigint[])
       AND n.state = 'pending'
    RETURNING n.state
)
SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'given_up') FROM failed
