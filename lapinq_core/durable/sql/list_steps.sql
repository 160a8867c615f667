-- The steps and waits of a task as JSON objects, in the order in which they began, each with whether there are more: at most `limit`
-- after the first `skip`, fewer if their results have more than `max_bytes` together, but at least one. Of those about another
-- task, whether they are, and its queue: in none of `readable` (NULL is all), its id and result are left out.
-- Locks nothing. Relies on lapinq_steps_pkey, as a task has a bounded number of steps, and on lapinq_tasks_pkey.
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
), seen AS (
    SELECT m.*, o.id AS other_id, o.queue_name AS other_queue,
           o.id IS NULL OR %(readable)s::text[] IS NULL OR coalesce(o.queue_name = ANY (%(readable)s::text[]), false) AS is_shown
      FROM measured m
     CROSS JOIN LATERAL (
            SELECT c.id, (SELECT t.queue_name FROM lapinq_tasks t WHERE t.id = c.id) AS queue_name
              FROM (SELECT coalesce(m.child_id, CASE WHEN m.kind = 'spawn' THEN trim('"' FROM m.result)::uuid END)) AS c (id)) AS o
)
SELECT row_to_json(o)::text, m.found > m.nth, m.other_id IS NOT NULL, m.other_queue
  FROM seen m
 CROSS JOIN LATERAL (
        SELECT CASE WHEN m.is_shown OR m.kind = 'spawn' THEN m.name ELSE 'task' END AS name,
               m.occurrence,
               m.kind,
               coalesce(m.outcome, 'waiting') AS status,
               CASE WHEN m.is_shown THEN m.result END AS result,
               m.started_at,
               m.ended_at,
               m.attempt,
               m.due_at,
               CASE WHEN m.kind = 'signal' THEN m.names END AS signals,
               CASE WHEN m.is_shown THEN m.other_id END AS task_id,
               m.version) AS o
 WHERE m.nth <= greatest(0, %(limit)s::integer)
   AND (m.nth = 1 OR m.bytes <= %(max_bytes)s::bigint)
 ORDER BY m.nth
