-- The steps and waits of a task for people, in the order in which they began: at most `limit`, each with how many it has in all.
-- Names with more than `single` steps are folded into one row, also those that differ in the part in brackets only. Results are cut
-- to `part` characters if they have more than `whole` bytes.
-- Locks nothing. Relies on lapinq_steps_pkey: a task has a bounded number of steps.
WITH named AS (
    SELECT s.*, regexp_replace(s.name, '\[.*\]$', '') AS stem
      FROM lapinq_steps s
     WHERE s.task_id = %(id)s::uuid
       AND s.kind IN ('step', 'sleep', 'signal', 'task', 'spawn')
), counted AS (
    SELECT *, count(*) OVER (PARTITION BY kind, stem) > %(single)s::integer AS is_folded, count(*) OVER () AS found
      FROM named
)
SELECT kind,
       CASE WHEN is_folded THEN stem ELSE min(name) END,
       CASE WHEN NOT is_folded THEN min(occurrence) END,
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
       CASE WHEN NOT is_folded THEN (array_agg(child_id::text))[1] END,
       CASE WHEN NOT is_folded THEN (array_agg(octet_length(result)))[1] END,
       CASE WHEN NOT is_folded
            THEN (array_agg(CASE WHEN octet_length(result) <= %(whole)s::integer THEN result
                                 ELSE left(result, %(part)s::integer) END))[1]
       END,
       min(found)
  FROM counted
 GROUP BY kind, stem, is_folded, CASE WHEN NOT is_folded THEN name END, CASE WHEN NOT is_folded THEN occurrence END
 ORDER BY min(started_at), min(name), min(occurrence)
 LIMIT greatest(0, %(limit)s::integer)
