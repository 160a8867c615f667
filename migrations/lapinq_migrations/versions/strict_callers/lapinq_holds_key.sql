-- Whether a task with this `until` and id holds its unique key, by its place alone.
-- Volatile, so that it sees what has been committed before it is called, not before the statement that calls it. A
-- REPEATABLE READ or SERIALIZABLE transaction shows it an old snapshot: there it raises serialization_failure if the task
-- has left its place since, because then it may have given up the key.
-- Locks nothing in READ COMMITTED. In a stricter transaction it locks the task's place and gives the lock back at once, or
-- nobody could start or end the task until the caller commits. It skips a place that somebody is about to clear: until that
-- is committed, the task holds its key.
CREATE OR REPLACE FUNCTION lapinq_holds_key(task_id uuid, until text, expires_at timestamptz) RETURNS boolean
    LANGUAGE plpgsql
AS $function$
BEGIN
    IF until IS NULL THEN
        RETURN lapinq_holds_key.expires_at > lapinq_now();
    END IF;
    -- One statement, because between two of them a task may move from one place to another.
    IF NOT (EXISTS (SELECT FROM lapinq_ready w WHERE w.id = task_id AND (until = 'finished' OR w.starts = 0))
            OR EXISTS (SELECT FROM lapinq_delayed d WHERE d.id = task_id AND (until = 'finished' OR d.starts = 0))
            OR until = 'finished' AND EXISTS (SELECT FROM lapinq_running r WHERE r.id = task_id)) THEN
        RETURN false;
    END IF;
    IF current_setting('transaction_isolation') = 'read committed' THEN
        RETURN true;
    END IF;
    BEGIN
        PERFORM FROM lapinq_ready w WHERE w.id = task_id FOR KEY SHARE SKIP LOCKED;
        PERFORM FROM lapinq_delayed d WHERE d.id = task_id FOR KEY SHARE SKIP LOCKED;
        PERFORM FROM lapinq_running r WHERE r.id = task_id FOR KEY SHARE SKIP LOCKED;
        RAISE SQLSTATE 'LQ000';  -- rolls back to BEGIN, which gives the locks back
    EXCEPTION WHEN SQLSTATE 'LQ000' THEN
        RETURN true;
    END;
END
$function$;
