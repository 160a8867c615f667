-- Sets the state of a group of errors; `seconds` is how long it stays muted, NULL for good. A group in this state already
-- keeps who brought it there, unless it is muted, for the new end and reason count.
-- Returns queue, task name and kind if it changed; no row if not, or if the group is unknown.
-- Locks the group: of a failure and a resolve at once the later one counts. Relies on lapinq_error_groups_pkey.
UPDATE lapinq_error_groups
   SET state = %(state)s::text,
       state_by = %(by)s::text,
       state_at = lapinq_now(),
       state_reason = %(reason)s::text,
       muted_until = CASE WHEN %(state)s::text = 'muted' THEN lapinq_now() + %(seconds)s::float8 * interval '1 second' END
 WHERE id = %(id)s::bigint
   AND (state <> %(state)s::text OR state = 'muted')
RETURNING queue_name, task_name, kind
