-- What a suspended task waits for: the waits of its last claim. One that an earlier claim began, and the last did not come to, is
-- none. `starts` is that of its row in lapinq_delayed: if the last attempt has used up a start, the task waits for its retry.
-- Relies on lapinq_steps_open, as a task may have ended ten thousand others.
CREATE FUNCTION lapinq_waits_1(task uuid, starts integer) RETURNS SETOF lapinq_steps
LANGUAGE sql STABLE AS $function$
SELECT s.*
  FROM lapinq_steps s
 WHERE s.task_id = task
   AND s.kind IN ('sleep', 'signal', 'task')
   AND s.ended_at IS NULL
   AND s.attempt = starts + 1
   AND s.claim_seq = (SELECT max(x.claim_seq)
                        FROM lapinq_steps x
                       WHERE x.task_id = task
                         AND x.ended_at IS NULL)
$function$;
