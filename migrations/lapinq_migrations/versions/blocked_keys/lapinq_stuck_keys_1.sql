-- The keys that a task holds whose first attempt did not end well, and which waits for another one, and when that attempt ended:
-- of all queues in strict order that are not paused, or of `queues`, the `most` oldest of each.
-- Locks nothing. Scans lapinq_queues; needs four probes a key. Relies on lapinq_delayed_keys, lapinq_blocked_keys_1 and
-- lapinq_attempts_earlier.
CREATE FUNCTION lapinq_stuck_keys_1(queues text[], most integer)
RETURNS TABLE (queue_name text, key text, since timestamp with time zone)
LANGUAGE plpgsql STABLE ROWS 1000
SET jit TO off SET enable_seqscan TO off SET enable_bitmapscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off
SET plan_cache_mode TO force_generic_plan AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT q.name, b.key, failed.at
      FROM lapinq_queues q
     CROSS JOIN LATERAL (
           SELECT
             FROM lapinq_delayed d
            WHERE d.queue_name = q.name
              AND d.lane IS NOT NULL
            ORDER BY d.queue_name, least(d.starts, 1), d.id
            LIMIT 1) AS any_delayed
     CROSS JOIN LATERAL lapinq_blocked_keys_1(q, '', most) AS b
     CROSS JOIN LATERAL (
           SELECT a.finished_at AS at
             FROM lapinq_attempts a
            WHERE a.task_id = b.front
              AND NOT a.final
              AND NOT starts_with(a.error, 'suspended: ')
            ORDER BY a.task_id, a.finished_at
            LIMIT 1) AS failed
     WHERE q.start_order = 'strict_per_key'
       AND q.paused_at IS NULL
       AND (queues IS NULL OR q.name = ANY (queues))
       AND b.is_held;
END
$function$;
