-- Which of the given attempts are already recorded with the same token: our own repeated commit, nothing lost.
-- Locks nothing. Relies on lapinq_attempts_final and lapinq_attempts_earlier.
WITH input AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[]) AS i (id, token)
)
SELECT a.task_id::text
  FROM input i
  JOIN lapinq_attempts a ON a.task_id = i.id AND a.final
 WHERE a.token = i.token
UNION ALL
SELECT a.task_id::text
  FROM input i
  JOIN lapinq_attempts a ON a.task_id = i.id AND NOT a.final
 WHERE a.token = i.token
