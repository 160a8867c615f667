-- The next tasks of a queue that has none in lanes. `mark`: rank and seq of the last one.
-- Locks the tasks, skipping locked ones. Relies on lapinq_ready_claim.
CREATE FUNCTION lapinq_pick_unlaned_2(
    queue text, room integer, isolated integer, mark_rank bigint, mark_seq bigint, max_rank bigint,
    OUT picked tid[], OUT ids uuid[], OUT mark bigint[]
) LANGUAGE sql AS $function$
SELECT coalesce(array_agg(x.row_id), '{}'), coalesce(array_agg(x.id), '{}'), max(ARRAY[x.rank, x.seq])
  FROM (SELECT r.*, count(*) FILTER (WHERE r.isolation >= 2) OVER (ROWS UNBOUNDED PRECEDING) AS nth_isolated
          FROM (SELECT f.ctid AS row_id, f.id, f.rank, f.seq, f.isolation
                  FROM lapinq_ready f
                 WHERE f.queue_name = queue
                   AND (f.rank, f.seq) >= (mark_rank, mark_seq)
                   AND f.rank <= max_rank
                   AND (f.expires_at IS NULL OR f.expires_at > lapinq_now())
                   AND (f.isolation < 2 OR isolated > 0)
                 ORDER BY f.queue_name, f.rank, f.seq
                 LIMIT greatest(0, room)
                   FOR UPDATE SKIP LOCKED) AS r) AS x
 WHERE x.isolation < 2
    OR x.nth_isolated <= isolated
$function$;
