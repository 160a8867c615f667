-- Puts a task that was just suspended off until the first of its waits may be over, and wakes it if something has come meanwhile.
-- Where the end of a task may be missed (lapinq_hold_child_1), it looks again after a tenth of the time that it has waited.
-- Locks the row of the kind `lock`, then that in lapinq_delayed, and against their end, without waiting, the tasks it waits for.
CREATE FUNCTION lapinq_suspend_1(task uuid) RETURNS void
LANGUAGE plpgsql AS $function$
BEGIN
    INSERT INTO lapinq_steps (task_id, name, occurrence, kind, started_at, attempt)
    VALUES (task, '', 0, 'lock', lapinq_now(), 0)
    ON CONFLICT (task_id, name, occurrence) DO UPDATE SET started_at = excluded.started_at;
    UPDATE lapinq_delayed d
       SET due_at = least(lapinq_until_woken(),
                          (SELECT min(least(s.due_at,
                                            CASE WHEN s.kind = 'task' AND NOT lapinq_hold_child_1(s.child_id)
                                                 THEN lapinq_now() + greatest(interval '1 second', (lapinq_now() - s.started_at) / 10)
                                            END))
                             FROM lapinq_waits_1(task, d.starts) AS s))
     WHERE d.id = task
       AND d.due_at >= lapinq_until_woken()
       AND d.due_at < lapinq_never();
    PERFORM lapinq_wake_1(ARRAY[task]);
END
$function$;
