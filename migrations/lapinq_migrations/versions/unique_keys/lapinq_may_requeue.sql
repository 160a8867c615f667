-- Whether an ended task with a unique key has it again, and may be requeued. It may not, too, while another transaction has
-- the key: who requeues many tasks doesn't wait for it.
-- Locks what lapinq_retake_unique_key does.
CREATE FUNCTION lapinq_may_requeue(task_id uuid) RETURNS boolean
    LANGUAGE plpgsql
AS $function$
BEGIN
    RETURN lapinq_retake_unique_key(task_id, 20) IS NULL;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END
$function$;
