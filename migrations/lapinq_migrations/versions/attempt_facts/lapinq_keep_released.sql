-- Of the attempts of a task that were released, the newest hundred are kept, and some until the next time: a task may snooze or
-- suspend without end. Before one of them is stored, deletes those that are too many, and notes how many there were of all that
-- are no longer kept. A call takes 0.2 ms with the partitions of a year, so the trigger makes it for about every fiftieth one.
-- Locks the rows that it deletes. Relies on lapinq_attempts_earlier.
CREATE FUNCTION lapinq_keep_released() RETURNS trigger
LANGUAGE plpgsql
SET enable_seqscan TO off SET plan_cache_mode TO force_generic_plan
AS $function$
DECLARE
    kept CONSTANT integer := 100;
BEGIN
    WITH earlier AS MATERIALIZED (
        SELECT a.ctid AS row_id, a.left_out, row_number() OVER (ORDER BY a.finished_at DESC) AS place
          FROM lapinq_attempts a
         WHERE a.task_id = NEW.task_id
           AND NOT a.final
           AND a.outcome = 'released'
    ), gone AS (
        DELETE FROM lapinq_attempts a
         WHERE a.task_id = NEW.task_id
           AND NOT a.final
           AND a.ctid = ANY (ARRAY(SELECT row_id FROM earlier WHERE place >= kept))
        RETURNING 1
    )
    SELECT nullif(coalesce(max(left_out), 0) + (SELECT count(*) FROM gone), 0) INTO NEW.left_out FROM earlier;
    RETURN NEW;
END
$function$;
CREATE TRIGGER lapinq_keep_released BEFORE INSERT ON lapinq_attempts
    FOR EACH ROW WHEN (NEW.outcome = 'released' AND date_part('microseconds', NEW.finished_at)::integer % 50 = 0)
    EXECUTE FUNCTION lapinq_keep_released();
