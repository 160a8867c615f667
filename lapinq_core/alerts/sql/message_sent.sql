-- Records that the message with the notices `ids` of a rule was accepted, by all or but for what `failure` says; the next
-- one may go in `pause` seconds. A notice with a lower id may have been committed since the message was taken: it stays
-- pending.
-- Returns how many notices that settled: none if another process has the lease by now, or the rule was changed.
-- Locks the rule, then its notices. Relies on the primary keys.
WITH rule AS (
    UPDATE lapinq_notify_rules
       SET next_at = lapinq_now() + %(pause)s::float8 * interval '1 second',
           taken_until = NULL,
           left_out = greatest(left_out - %(left_out)s::bigint, 0)
     WHERE id = %(id)s::bigint
       AND taken_until = %(lease)s::timestamptz
    RETURNING id
), sent AS (
    UPDATE lapinq_notices n
       SET state = 'sent', tries = tries + 1, tried_at = lapinq_now(), answer = %(answer)s::smallint,
           failure = %(failure)s::text
      FROM rule
     WHERE n.rule_id = rule.id
       AND n.id = ANY (%(ids)s::bigint[])
       AND n.state = 'pending'
    RETURNING n.id
)
SELECT count(*) FROM sent
