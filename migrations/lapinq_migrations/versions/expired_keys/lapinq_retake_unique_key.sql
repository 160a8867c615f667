-- Gives an ended task that is about to be requeued its unique key again. NULL if it has the key now, or needs none: a key
-- that lasts for a time limits only what is enqueued. Else the task that holds the key.
-- `wait_ms` limits how long it waits for another transaction with the key.
-- Locks the key's row until the transaction ends. Relies on the primary keys.
CREATE OR REPLACE FUNCTION lapinq_retake_unique_key(task_id uuid, wait_ms integer) RETURNS uuid
    LANGUAGE plpgsql
AS $function$
DECLARE
    task record;
    held record;
    former_wait CONSTANT text := current_setting('lock_timeout');
BEGIN
    SELECT t.queue_name, t.unique_key, t.unique_until INTO task FROM lapinq_tasks t WHERE t.id = task_id;
    IF NOT FOUND OR task.unique_key IS NULL OR task.unique_until NOT IN ('started', 'finished') THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('lock_timeout', wait_ms::text, true);
    INSERT INTO lapinq_unique_keys AS k (queue_name, key, task_id, until, taken_at)
    VALUES (task.queue_name, task.unique_key, task_id, task.unique_until, lapinq_now())
        ON CONFLICT (queue_name, key) DO UPDATE  -- locks it, and changes nothing
       SET taken_at = k.taken_at
     WHERE false;
    PERFORM set_config('lock_timeout', former_wait, true);
    SELECT * INTO STRICT held
      FROM lapinq_unique_keys k
     WHERE k.queue_name = task.queue_name
       AND k.key = task.unique_key;
    IF held.task_id <> task_id THEN
        PERFORM lapinq_expire_late(held.task_id);
    END IF;
    IF held.task_id <> task_id AND lapinq_holds_key(held.task_id, held.until, held.expires_at) THEN
        RETURN held.task_id;
    END IF;
    UPDATE lapinq_unique_keys k
       SET task_id = lapinq_retake_unique_key.task_id,
           until = task.unique_until,
           expires_at = NULL,
           first_at = NULL,
           taken_at = lapinq_now()
     WHERE k.queue_name = task.queue_name
       AND k.key = task.unique_key;
    RETURN NULL;
END
$function$;
