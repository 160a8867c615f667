-- The function as the first revision made it, for whoever goes back to that.
CREATE OR REPLACE FUNCTION lapinq_ensure_partitions(weeks_ahead integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    made integer := 0;
    week timestamptz;
    lower_id uuid;
    upper_id uuid;
    parent text;
    key text;
    partition text;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('lapinq_ensure_partitions')) THEN
        RETURN 0;
    END IF;
    FOR n IN 0..weeks_ahead LOOP
        week := date_trunc('week', lapinq_now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + n * interval '7 days';
        lower_id := (lpad(to_hex((extract(epoch FROM week) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
        upper_id := (lpad(to_hex((extract(epoch FROM week + interval '7 days') * 1000)::bigint), 12, '0')
                     || repeat('0', 20))::uuid;
        FOREACH parent IN ARRAY ARRAY['lapinq_tasks', 'lapinq_attempts'] LOOP
            partition := parent || to_char(week AT TIME ZONE 'UTC', '_YYYYMMDD');
            CONTINUE WHEN to_regclass(partition) IS NOT NULL;
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
