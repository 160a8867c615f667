-- The first week after `after` (its Monday, as YYYYMMDD) that ended at least `keep` seconds and a day ago, the day for
-- clocks that are behind, and has no pending or running task and none of a workflow: these are deleted one by one, so that the workflow hears of it.
-- Locks nothing. Relies on the primary keys of ready, delayed and running, one probe each per week.
SELECT week
  FROM (SELECT right(c.relname, 8) AS week, to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC' AS since
          FROM pg_inherits i
          JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'lapinq_tasks'::regclass
           AND c.relname ~ '^lapinq_tasks_[0-9]{8}$') AS weeks
 CROSS JOIN LATERAL (
       SELECT (lpad(to_hex((extract(epoch FROM since) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid AS lower_id,
              (lpad(to_hex((extract(epoch FROM since + interval '7 days') * 1000)::bigint), 12, '0')
               || repeat('0', 20))::uuid AS upper_id) AS ids
 WHERE week > %(after)s::text
   AND since + interval '8 days' <= lapinq_now() - %(keep)s::bigint * interval '1 second'
   AND to_regclass('lapinq_attempts_' || week) IS NOT NULL
   AND NOT EXISTS (SELECT FROM lapinq_ready WHERE id >= lower_id AND id < upper_id)
   AND NOT EXISTS (SELECT FROM lapinq_delayed WHERE id >= lower_id AND id < upper_id)
   AND NOT EXISTS (SELECT FROM lapinq_running WHERE id >= lower_id AND id < upper_id)
   AND NOT EXISTS (SELECT FROM lapinq_workflow_tasks WHERE task_id >= lower_id AND task_id < upper_id AND NOT is_gone)
 ORDER BY week
 LIMIT 1
