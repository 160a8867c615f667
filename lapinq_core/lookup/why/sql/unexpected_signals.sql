-- The names of signals that have come for a suspended task and that none of its waits is for, at most `most`.
-- Locks nothing. Relies on lapinq_steps_open; `lapinq_signal_1` bounds how many there are.
SELECT DISTINCT s.name
  FROM lapinq_steps s
 WHERE s.task_id = %(id)s::uuid
   AND s.ended_at IS NULL
   AND s.kind = 'sent'
   AND NOT EXISTS (SELECT
                     FROM lapinq_steps w
                    WHERE w.task_id = s.task_id
                      AND w.ended_at IS NULL
                      AND w.kind = 'signal'
                      AND s.name = ANY (w.names))
 ORDER BY s.name
 LIMIT greatest(0, %(most)s::integer)
