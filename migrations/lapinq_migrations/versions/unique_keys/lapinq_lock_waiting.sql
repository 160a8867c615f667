-- Locks a task that waits, so that it neither starts nor is changed by others until the transaction ends. False if it
-- doesn't wait.
-- Locks its row in lapinq_tasks, as all do that change many tasks, then the one in delayed or ready: in this order,
-- because a task that falls due moves from there to here, and does not come back before it has started.
CREATE FUNCTION lapinq_lock_waiting(task_id uuid) RETURNS boolean
    LANGUAGE plpgsql
AS $function$
BEGIN
    -- First without a lock: who requeues many tasks locks ended ones, and then waits for their keys.
    IF NOT EXISTS (SELECT FROM lapinq_ready w WHERE w.id = task_id)
       AND NOT EXISTS (SELECT FROM lapinq_delayed d WHERE d.id = task_id) THEN
        RETURN false;
    END IF;
    PERFORM FROM lapinq_tasks t WHERE t.id = task_id FOR NO KEY UPDATE;
    PERFORM FROM lapinq_delayed d WHERE d.id = task_id FOR UPDATE;
    IF FOUND THEN
        RETURN true;
    END IF;
    PERFORM FROM lapinq_ready w WHERE w.id = task_id FOR UPDATE;
    RETURN FOUND;
END
$function$;
