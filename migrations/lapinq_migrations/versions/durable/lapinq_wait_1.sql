-- Begins a wait of a running attempt, or goes on with it: takes the first signal with one of `names`, or the end of the task
-- `child`, or lets a sleep or the time for waiting be over. `seconds` counts from the first call; null for no limit.
-- Returns how the wait ended (`completed`, `timed_out`, `failed`), `waiting` with the seconds that are left, `lost` if the
-- claim is, or `other` if there is something else of that name. `taken` is the name of the signal, or how the child ended.
-- Locks the row of the running attempt against its end, then that of the wait, and the signal.
CREATE FUNCTION lapinq_wait_1(task uuid, claim uuid, step_name text, step_occurrence bigint, step_kind text, step_names text[],
                              child uuid, seconds float8, step_version text)
RETURNS TABLE (outcome text, result text, taken text, due_in float8)
LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    running record;
    step lapinq_steps;
    sent lapinq_steps;
    ended record;
BEGIN
    SELECT r.attempt, r.seq INTO running FROM lapinq_running r WHERE r.id = task AND r.token = claim FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'lost', NULL::text, NULL::text, NULL::float8;
        RETURN;
    END IF;
    INSERT INTO lapinq_steps (task_id, name, occurrence, kind, started_at, due_at, attempt, claim_seq, version, names, child_id)
    VALUES (task, step_name, step_occurrence, step_kind, lapinq_now(),
            lapinq_now() + seconds * interval '1 second', running.attempt, running.seq, step_version,
            step_names, child)
    ON CONFLICT DO NOTHING;
    SELECT * INTO step
      FROM lapinq_steps s
     WHERE s.task_id = task
       AND s.name = step_name
       AND s.occurrence = step_occurrence
       FOR NO KEY UPDATE;
    IF step.kind <> step_kind THEN
        RETURN QUERY SELECT 'other', NULL::text, step.kind, NULL::float8;
        RETURN;
    END IF;
    IF step.ended_at IS NULL THEN
        IF step_kind = 'signal' THEN
            SELECT * INTO sent
              FROM lapinq_steps s
             WHERE s.task_id = task
               AND s.kind = 'sent'
               AND s.name = ANY (step.names)
             ORDER BY s.occurrence
             LIMIT 1
               FOR UPDATE;
            IF FOUND THEN
                DELETE FROM lapinq_steps s
                 WHERE s.task_id = task
                   AND s.name = sent.name
                   AND s.occurrence = sent.occurrence;
                step.outcome := 'completed';
                step.result := sent.result;
                step.names := ARRAY[sent.name];
            END IF;
        ELSIF step_kind = 'task' THEN
            SELECT c.outcome, c.result INTO ended FROM lapinq_child_outcome_1(step.child_id) AS c;
            IF FOUND THEN
                step.outcome := CASE WHEN ended.outcome = 'completed' THEN 'completed' ELSE 'failed' END;
                step.result := ended.result;
                step.names := ARRAY[ended.outcome];
            END IF;
        END IF;
        IF step.outcome IS NULL AND step.due_at <= lapinq_now() THEN
            step.outcome := CASE WHEN step_kind = 'sleep' THEN 'completed' ELSE 'timed_out' END;
        END IF;
        -- A wait that goes on is one of this claim from now on.
        UPDATE lapinq_steps s
           SET outcome = step.outcome,
               result = step.result,
               names = step.names,
               attempt = running.attempt,
               claim_seq = running.seq,
               ended_at = CASE WHEN step.outcome IS NOT NULL THEN lapinq_now() END
         WHERE s.task_id = task
           AND s.name = step_name
           AND s.occurrence = step_occurrence
           AND (step.outcome IS NOT NULL OR s.claim_seq <> running.seq);
    END IF;
    RETURN QUERY SELECT coalesce(step.outcome, 'waiting'), step.result, step.names[1],
                        extract(epoch FROM step.due_at - lapinq_now())::float8;
END
$function$;
