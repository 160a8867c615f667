-- Creates the weekly partitions of tasks and attempts, from this week to weeks_ahead weeks ahead, and returns how many it
-- created. Any session may call it at any time: one does the work, the others return 0.
--
-- Rows of a week that are in the default partition move to the new one, and PostgreSQL scans the rest of the default
-- partition, all under a lock that blocks every task. So a bounded call creates nothing while the default partitions have
-- more than 64 MB, and skips a week with more than 20,000 rows in them: tasks work as well there.
CREATE FUNCTION lapinq_ensure_partitions(weeks_ahead integer, is_bounded boolean) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    made integer := 0;
    week timestamptz;
    lower_id uuid;
    upper_id uuid;
    missing text[];
    parent text;
    key text;
    partition text;
    rows bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('lapinq_ensure_partitions')) THEN
        RETURN 0;
    END IF;
    IF is_bounded
       AND pg_relation_size('lapinq_tasks_default') + pg_relation_size('lapinq_attempts_default') > 64 * 1024 * 1024 THEN
        RETURN 0;
    END IF;
    <<weeks>>
    FOR n IN 0..weeks_ahead LOOP
        week := date_trunc('week', lapinq_now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + n * interval '7 days';
        lower_id := (lpad(to_hex((extract(epoch FROM week) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
        upper_id := (lpad(to_hex((extract(epoch FROM week + interval '7 days') * 1000)::bigint), 12, '0')
                     || repeat('0', 20))::uuid;
        missing := ARRAY(SELECT p
                           FROM unnest(ARRAY['lapinq_tasks', 'lapinq_attempts']) AS p
                          WHERE to_regclass(p || to_char(week AT TIME ZONE 'UTC', '_YYYYMMDD')) IS NULL);
        IF is_bounded THEN
            FOREACH parent IN ARRAY missing LOOP
                key := CASE parent WHEN 'lapinq_tasks' THEN 'id' ELSE 'task_id' END;
                EXECUTE format('SELECT count(*) FROM (SELECT FROM %I WHERE %I >= $1 AND %I < $2 LIMIT 20001) AS few',
                               parent || '_default', key, key)
                   INTO rows
                  USING lower_id, upper_id;
                CONTINUE weeks WHEN rows > 20000;
            END LOOP;
        END IF;
        FOREACH parent IN ARRAY missing LOOP
            partition := parent || to_char(week AT TIME ZONE 'UTC', '_YYYYMMDD');
            key := CASE parent WHEN 'lapinq_tasks' THEN 'id' ELSE 'task_id' END;
            -- LIKE and ATTACH instead of PARTITION OF: the parent stays readable and writable meanwhile.
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
            EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent || '_default');
            EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I >= $1 AND %I < $2 RETURNING *) '
                           'INSERT INTO %I SELECT * FROM moved', parent || '_default', key, key, partition)
                USING lower_id, upper_id;
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                           parent, partition, lower_id, upper_id);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

CREATE FUNCTION lapinq_ensure_partitions(weeks_ahead integer) RETURNS integer
    LANGUAGE sql
    AS 'SELECT lapinq_ensure_partitions(weeks_ahead, true)';

SELECT lapinq_ensure_partitions(2);
