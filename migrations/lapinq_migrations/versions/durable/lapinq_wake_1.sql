-- Makes suspended tasks ready that have something to go on with: a signal that was sent, the end of a task, or the end of a time.
-- A task that is not suspended stays where it is; it looks itself before it suspends.
-- Locks the rows of the kind `lock`, in order of id, then those in lapinq_delayed. Who suspends a task, and who may wake it,
-- takes that lock when it commits, so the later one sees what the other has written. In a transaction under REPEATABLE READ the
-- update fails if the task was suspended meanwhile. Relies on the primary keys and lapinq_attempts_final.
CREATE FUNCTION lapinq_wake_1(tasks uuid[]) RETURNS void
LANGUAGE plpgsql
SET enable_seqscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off SET plan_cache_mode TO force_generic_plan
AS $function$
DECLARE
    notice record;
BEGIN
    INSERT INTO lapinq_steps (task_id, name, occurrence, kind, started_at, attempt)
    SELECT DISTINCT id, '', 0, 'lock', lapinq_now(), 0 FROM unnest(tasks) AS t (id) ORDER BY id
    ON CONFLICT (task_id, name, occurrence) DO UPDATE SET started_at = excluded.started_at;
    FOR notice IN
        WITH gone AS (
            DELETE FROM lapinq_delayed d
             WHERE d.id = ANY (tasks)
               AND EXISTS (SELECT
                             FROM lapinq_waits_1(d.id, d.starts) AS s
                            WHERE s.kind = 'signal'
                                  AND EXISTS (SELECT
                                                FROM lapinq_steps x
                                               WHERE x.task_id = d.id
                                                 AND x.name = ANY (s.names)
                                                 AND x.kind = 'sent')
                               OR s.kind = 'task' AND EXISTS (SELECT FROM lapinq_child_outcome_1(s.child_id)))
            RETURNING d.id, d.queue_name, d.rank, d.starts, d.expires_at, d.isolation, d.lane, d.units
        ), ready AS (
            INSERT INTO lapinq_ready (queue_name, rank, id, starts, expires_at, isolation, since, lane, units)
            SELECT queue_name, rank, id, starts, expires_at, isolation, lapinq_now(), lane, units
              FROM gone
             ORDER BY id
        ), told_lanes AS (
            INSERT INTO lapinq_lane_news (queue_name, lanes)
            SELECT queue_name, array_agg(DISTINCT lane)
              FROM gone
             WHERE lane IS NOT NULL
             GROUP BY queue_name
        )
        SELECT queue_name, count(*) AS tasks
          FROM gone
         GROUP BY queue_name
    LOOP
        -- As lapinq_core.db.ready_notices reads it.
        PERFORM pg_notify('lapinq_ready', format(E'%s\n%s %s', notice.queue_name, notice.tasks, floor(random() * 65536)));
    END LOOP;
END
$function$;
