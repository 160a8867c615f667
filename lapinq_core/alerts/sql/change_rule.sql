-- Changes a rule of the given version. What was to be sent to another address, or by a rule that is now disabled, is not
-- sent: its pending notices go, and so does the count of those left out. Returns whether it sends elsewhere now; no row if
-- the rule is gone or has another version.
-- Locks the rule, then its pending notices. Relies on the primary key and lapinq_notices_pending.
WITH before AS MATERIALIZED (
    SELECT id,
           (kind, url, addresses)
               IS DISTINCT FROM (%(kind)s::text, %(url)s::text, %(addresses)s::text[]) AS is_elsewhere
      FROM lapinq_notify_rules
     WHERE id = %(id)s::bigint
       AND version = %(version)s::integer
       FOR UPDATE
), changed AS (
    UPDATE lapinq_notify_rules r
       SET name = %(name)s::text, kind = %(kind)s::text, url = %(url)s::text, addresses = %(addresses)s::text[],
           events = %(events)s::text[], queues = %(queues)s::text[], backlog_seconds = %(backlog_seconds)s::float8,
           is_enabled = %(is_enabled)s::boolean, version = r.version + 1, updated_at = lapinq_now(),
           next_at = lapinq_now(), taken_until = NULL,
           left_out = CASE WHEN b.is_elsewhere OR NOT %(is_enabled)s::boolean THEN 0 ELSE r.left_out END
      FROM before b
     WHERE r.id = b.id
    RETURNING r.id, b.is_elsewhere
), gone AS (
    DELETE FROM lapinq_notices n
     USING changed c
     WHERE n.rule_id = c.id
       AND (c.is_elsewhere OR NOT %(is_enabled)s::boolean)
       AND n.state = 'pending'
)
SELECT is_elsewhere FROM changed
