-- Expires a task that waits although its time to live has ended, as maintenance does soon: until then it would hold its
-- unique key and never start. Does nothing for any other task.
-- Waits for a claim that takes it at this moment: then it runs. Locks what lapinq_lock_waiting does.
CREATE FUNCTION lapinq_expire_late(task_id uuid) RETURNS void
    LANGUAGE plpgsql
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM lapinq_ready w WHERE w.id = task_id AND w.expires_at <= lapinq_now())
       AND NOT EXISTS (SELECT FROM lapinq_delayed d WHERE d.id = task_id AND d.expires_at <= lapinq_now()) THEN
        RETURN;
    END IF;
    IF NOT lapinq_lock_waiting(task_id) THEN
        RETURN;
    END IF;
    WITH gone AS (
        DELETE FROM lapinq_ready w
         WHERE w.id = task_id
           AND w.expires_at <= lapinq_now()
        RETURNING w.queue_name, w.starts, w.lane
    ), gone_delayed AS (
        DELETE FROM lapinq_delayed d
         WHERE d.id = task_id
           AND d.expires_at <= lapinq_now()
        RETURNING d.queue_name, d.starts, d.lane
    ), ended AS (
        SELECT * FROM gone
        UNION ALL
        SELECT * FROM gone_delayed
    ), recorded AS (
        INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, finished_at)
        SELECT lapinq_expire_late.task_id, starts, true, 'expired', 'its time to live ran out before it could start',
               lapinq_now()
          FROM ended
    ), told_lanes AS (
        INSERT INTO lapinq_lane_news (queue_name, lanes)
        SELECT queue_name, ARRAY[lane]
          FROM ended
         WHERE lane IS NOT NULL
    )
    INSERT INTO lapinq_counts (queue_name, pending, expired)
    SELECT queue_name, -1, 1
      FROM ended;
END
$function$;
