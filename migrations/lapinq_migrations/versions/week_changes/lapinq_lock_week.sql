-- Keeps the tasks and attempts of a week (its Monday, as YYYYMMDD) unchanged until the end of the transaction; they can
-- still be read. Returns a number that stays the same until one of them changes. The first call has to make a sequence
-- and triggers for that, which go with the partitions.
-- Waits for current writers of the week, and new ones wait for it.
CREATE FUNCTION lapinq_lock_week(week text) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    tasks text := 'lapinq_tasks_' || week;
    attempts text := 'lapinq_attempts_' || week;
    changes text := 'lapinq_changes_' || week;
    part text;
    number bigint;
BEGIN
    EXECUTE format('LOCK TABLE %I, %I IN SHARE ROW EXCLUSIVE MODE', tasks, attempts);
    IF (SELECT count(*) < 2
          FROM pg_trigger
         WHERE tgrelid IN (tasks::regclass, attempts::regclass) AND tgname = 'lapinq_changed') THEN
        EXECUTE format('CREATE SEQUENCE IF NOT EXISTS %I OWNED BY %I.id', changes, tasks);
        FOREACH part IN ARRAY ARRAY[tasks, attempts] LOOP
            EXECUTE format('CREATE OR REPLACE TRIGGER lapinq_changed AFTER INSERT OR UPDATE OR DELETE ON %I'
                           ' FOR EACH ROW EXECUTE FUNCTION lapinq_note_change()', part);
        END LOOP;
    END IF;
    EXECUTE format('SELECT last_value + is_called::integer FROM %I', changes) INTO number;
    RETURN number;
END
$$;
