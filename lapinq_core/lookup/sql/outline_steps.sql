-- The steps and waits of a task for people, in the order in which they began: at most `limit`, each with how many it has in all.
-- Names with more than `single` steps are folded into one row, also those that differ in the part in brackets only. Results are cut
-- to `part` characters if they have more than `whole` bytes. Of those about another task also its queue; if that is none of
-- `readable` (NULL is all), its id and result are left out.
-- Locks nothing. Relies on lapinq_steps_pkey, as a task has a bounded number of steps, and on lapinq_tasks_pkey.
WITH found AS (
    SELECT s.*, o.id AS other_id, o.queue_name AS other_queue,
           o.id IS NULL OR %(readable)s::text[] IS NULL OR coalesce(o.queue_name = ANY (%(readable)s::text[]), false) AS is_shown
      FROM lapinq_steps s
     CROSS JOIN LATERAL (
            SELECT c.id, (SELECT t.queue_name FROM lapinq_tasks t WHERE t.id = c.id) AS queue_name
              FROM (SELECT coalesce(s.child_id, CASE WHEN s.kind = 'spawn' THEN trim('"' FROM s.result)::uuid END)) AS c (id)) AS o
     WHERE s.task_id = %(id)s::uuid
       AND s.kind IN ('step', 'sleep', 'signal', 'task', 'spawn')
), named AS (
    SELECT *,
           CASE WHEN is_shown OR kind = 'spawn' THEN name ELSE 'task' END AS shown_name,
           CASE WHEN is_shown OR kind = 'spawn' THEN regexp_replace(name, '\[.*\]$', '') ELSE 'task' END AS stem
      FROM found
), counted AS (
    SELECT *, count(*) OVER (PARTITION BY kind, stem) > %(single)s::integer AS is_folded, count(*) OVER () AS found
      FROM named
)
SELECT kind,
       CASE WHEN is_folded THEN stem ELSE min(shown_name) END,
       CASE WHEN NOT is_folded THEN min(occurrence) FILTER (WHERE is_shown) END,
       count(*),
       count(*) FILTER (WHERE ended_at IS NULL),
       count(*) FILTER (WHERE outcome = 'timed_out'),
       count(*) FILTER (WHERE outcome = 'failed'),
       min(started_at),
       CASE WHEN bool_and(ended_at IS NOT NULL) THEN max(ended_at) END,
       max(due_at) FILTER (WHERE ended_at IS NULL),
       coalesce(extract(epoch FROM sum(ended_at - started_at)), 0)::float8,
       min(attempt),
       max(attempt),
       CASE WHEN NOT is_folded THEN (array_agg(array_to_json(names)::text))[1]::json END,
       CASE WHEN NOT is_folded THEN (array_agg(other_id::text) FILTER (WHERE is_shown))[1] END,
       CASE WHEN NOT is_folded THEN min(other_queue) END,
       CASE WHEN NOT is_folded THEN (array_agg(octet_length(result)) FILTER (WHERE is_shown))[1] END,
       CASE WHEN NOT is_folded
            THEN (array_agg(CASE WHEN octet_length(result) <= %(whole)s::integer THEN result
                                 ELSE left(result, %(part)s::integer) END) FILTER (WHERE is_shown))[1]
       END,
       min(found)
  FROM counted
 GROUP BY kind, stem, is_folded, CASE WHEN NOT is_folded THEN name END, CASE WHEN NOT is_folded THEN occurrence END
 ORDER BY min(started_at), min(name), min(occurrence)
 LIMIT greatest(0, %(limit)s::integer)
