-- Makes up to `limit` due delayed tasks ready, in the order they became due. Starts at the mark (`since`, `since_id`), or
-- at the bottom without one.
-- It leaves those that are parked (admit.sql): they wait for their breaker, and put_off_parked.sql puts them off before they
-- are due. After an outage a look from the bottom steps over all that are overdue; those from the mark don't meet them. The
-- planner knows how few are not parked then, and would rather read the whole table: num_nulls hides that from it.
-- Returns how many it made ready, their queues, the seconds until the next one is due (NULL: none), and the mark for the
-- next look: the last task of a full look, after which there may be more, else a moment ago. Tasks that commit later than
-- that lie before it. A retry waits from when it was due; others say by their own times since when.
-- Locks the rows it moves, skipping locked ones. Relies on lapinq_delayed_due_at, which the row comparison
-- enters at the mark: rows moved before may still be in it, dead, as long as somebody holds an old snapshot.
WITH due AS MATERIALIZED (
    SELECT ctid, id, due_at
      FROM lapinq_delayed
     WHERE (due_at, id) >= (coalesce(%(since)s::timestamptz, '-infinity'), %(since_id)s::uuid)
       AND due_at <= lapinq_now()
       AND num_nulls(parked_for) > 0
     ORDER BY due_at, id
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_delayed d
     WHERE d.ctid = ANY ((SELECT array_agg(ctid) FROM due)::tid[])
    RETURNING d.id, d.due_at, d.queue_name, d.rank, d.starts, d.expires_at, d.isolation, d.lane, d.units
), entered AS (
    INSERT INTO lapinq_ready (queue_name, rank, id, starts, expires_at, isolation, since, lane, units)
    SELECT queue_name, rank, id, starts, expires_at, isolation, CASE WHEN starts > 0 THEN due_at END,
           lane, units
      FROM gone
     ORDER BY due_at, id
    RETURNING queue_name
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT queue_name, array_agg(lane)
      FROM gone
     WHERE lane IS NOT NULL
     GROUP BY queue_name
), mark AS (
    SELECT due_at, id
      FROM due
     WHERE (SELECT count(*) FROM due) = %(limit)s::integer
     ORDER BY due_at DESC, id DESC
     LIMIT 1
)
SELECT (SELECT count(*) FROM entered),
       (SELECT coalesce(array_agg(DISTINCT queue_name), '{}') FROM entered),
       (SELECT extract(epoch FROM min(due_at) - lapinq_now())::float8 FROM lapinq_delayed WHERE due_at > lapinq_now()),
       coalesce((SELECT due_at FROM mark), lapinq_now() - interval '100 milliseconds'),
       (SELECT id::text FROM mark)
