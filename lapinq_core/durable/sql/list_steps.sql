-- The steps and waits of a task as JSON objects, in the order in which they began, each with whether there are more: at most `limit`
-- after the first `skip`, fewer if their results have more than `max_bytes` together, but at least one.
-- Locks nothing. Relies on lapinq_steps_pkey: a task has a bounded number of steps.
WITH picked AS (
    SELECT *
      FROM lapinq_steps
     WHERE task_id = %(id)s::uuid
       AND kind IN ('step', 'sleep', 'signal', 'task', 'spawn')
     ORDER BY started_at, name, occurrence
    OFFSET greatest(0, %(skip)s::bigint)
     LIMIT greatest(0, %(limit)s::bigint) + 1
), measured AS (
    SELECT *,
           row_number() OVER w AS nth,
           count(*) OVER () AS found,
           coalesce(sum(octet_length(result)) OVER w, 0) AS bytes
      FROM picked
    WINDOW w AS (ORDER BY started_at, name, occurrence)
)
SELECT row_to_json(o)::text, m.found > m.nth
  FROM measured m
 CROSS JOIN LATERAL (
        SELECT m.name,
               m.occurrence,
               m.kind,
               coalesce(m.outcome, 'waiting') AS status,
               m.result,
               m.started_at,
               m.ended_at,
               m.attempt,
               m.due_at,
               CASE WHEN m.kind = 'signal' THEN m.names END AS signals,
               m.child_id AS task_id,
               m.version) AS o
 WHERE m.nth <= greatest(0, %(limit)s::bigint)
   AND (m.nth = 1 OR m.bytes <= %(max_bytes)s::bigint)
 ORDER BY m.nth
