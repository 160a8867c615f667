-- Decides for new tasks with a unique key, before they are stored, whether they are: in the transaction that then stores
-- those that are. It locks the key of each in lapinq_unique_keys until that transaction ends, so that of any number of
-- callers with a key one decides after the other, each knowing what became of those before.
-- Takes new tasks in the order of the request, as enqueue.sql does, also some without a key. `wait_ms` limits how long it
-- waits for what other transactions have locked; by default lock_timeout does.
-- Returns for each task with a key an array [number, outcome, id, due_at]: the number of the task, from 0, and
--   "stored":    it is to be stored, with the time at which it is due if it is debounced;
--   "existing":  it isn't, because of the task with that id, which stays as it is, as one in a workflow always does;
--   "replaced":  it isn't, but the task with that id has got its arguments and options. If that one is itself to be
--                stored, by the same call, the caller replaces them, and the time;
--   "rejected":  because of the task with that id. Then it doesn't look further, and the caller must roll back.
-- Each statement in it sees what was committed before that statement, which a single statement could not: it would wait
-- for a lock and then decide by what it saw before. In a REPEATABLE READ or SERIALIZABLE transaction it raises
-- serialization_failure if a key, or what holds it, has changed since the transaction's snapshot.
-- Locks the keys' rows in byte order; then of a task to be replaced, or past its time to live, its own row and its place in
-- ready or delayed.
-- Relies on the primary keys.
CREATE OR REPLACE FUNCTION lapinq_meet_unique_keys(tasks json, wait_ms integer DEFAULT NULL) RETURNS json
    LANGUAGE plpgsql
AS $function$
DECLARE
    entry record;
    held record;
    moment CONSTANT timestamptz := lapinq_now();
    former_wait text;
    may_replace boolean;
    is_waiting boolean;
    is_held boolean;
    due timestamptz;
    outcome text;
    own uuid[] := '{}';
    met json[] := '{}';
BEGIN
    IF wait_ms IS NOT NULL THEN
        former_wait := current_setting('lock_timeout');
        PERFORM set_config('lock_timeout', wait_ms::text, true);
    END IF;
    INSERT INTO lapinq_unique_keys AS k (queue_name, key, task_id, until, expires_at, first_at, taken_at)
    SELECT DISTINCT ON (n.queue_name COLLATE "C", n.key COLLATE "C")
           n.queue_name, n.key, n.id, n.until, moment + n.seconds * interval '1 second',
           CASE WHEN n.delay IS NOT NULL THEN moment END, moment
      FROM lapinq_keyed(tasks) AS n
     ORDER BY n.queue_name COLLATE "C", n.key COLLATE "C", n.number
        ON CONFLICT (queue_name, key) DO UPDATE  -- locks it, and changes nothing
       SET taken_at = k.taken_at
     WHERE false;

    FOR entry IN SELECT * FROM lapinq_keyed(tasks) AS n ORDER BY n.number LOOP
        SELECT * INTO STRICT held
          FROM lapinq_unique_keys k
         WHERE k.queue_name = entry.queue_name
           AND k.key = entry.key
         ORDER BY k.taken_at DESC  -- an old snapshot has both the new row and one that clean-up has deleted since
         LIMIT 1;
        is_waiting := false;
        due := CASE WHEN entry.delay IS NOT NULL THEN moment + entry.delay * interval '1 second'
                    ELSE entry.scheduled_at END;
        IF held.task_id = entry.id OR held.task_id = ANY (own) THEN
            is_held := held.task_id <> entry.id;
        ELSE
            may_replace := entry.on_conflict = 'replace' AND NOT lapinq_in_workflow(held.task_id);
            PERFORM lapinq_expire_late(held.task_id);
            FOR look IN 1..10 LOOP
                is_waiting := may_replace AND lapinq_lock_waiting(held.task_id);
                is_held := lapinq_holds_key(held.task_id, held.until, held.expires_at);
                -- Snoozed between the two: it waits, and has not started. The new arguments must not be lost.
                EXIT WHEN is_waiting OR NOT is_held OR NOT may_replace
                       OR held.until IS DISTINCT FROM 'started';
                IF look = 10 THEN
                    RAISE lock_not_available USING MESSAGE = 'the task with the unique key starts again and again';
                END IF;
            END LOOP;
        END IF;

        IF NOT is_held THEN
            outcome := 'stored';
            own := own || entry.id;
            IF held.task_id <> entry.id THEN
                UPDATE lapinq_unique_keys k
                   SET task_id = entry.id,
                       until = entry.until,
                       expires_at = moment + entry.seconds * interval '1 second',
                       first_at = CASE WHEN entry.delay IS NOT NULL THEN moment END,
                       taken_at = moment
                 WHERE k.queue_name = entry.queue_name
                   AND k.key = entry.key;
            END IF;
        ELSIF entry.on_conflict = 'replace' AND (is_waiting OR held.task_id = ANY (own)) THEN
            outcome := 'replaced';
            IF entry.delay IS NOT NULL THEN
                due := least(due, coalesce(held.first_at, moment) + entry.max_wait * interval '1 second');
                IF held.first_at IS NULL THEN
                    UPDATE lapinq_unique_keys k
                       SET first_at = moment
                     WHERE k.queue_name = entry.queue_name
                       AND k.key = entry.key;
                END IF;
            END IF;
            IF is_waiting THEN
                PERFORM lapinq_replace_waiting(held.task_id, entry.task, due);
            END IF;
        ELSE
            outcome := CASE entry.on_conflict WHEN 'reject' THEN 'rejected' ELSE 'existing' END;
        END IF;
        met := met || json_build_array(entry.number, outcome,
                                       CASE WHEN is_held THEN held.task_id ELSE entry.id END,
                                       CASE WHEN entry.delay IS NOT NULL THEN due END);
        EXIT WHEN outcome = 'rejected';
    END LOOP;
    IF wait_ms IS NOT NULL THEN
        PERFORM set_config('lock_timeout', former_wait, true);
    END IF;
    RETURN array_to_json(met);
END
$function$;
