-- Compares the wait of each queue's first task in line with the limit of each enabled rule that asks for backlogs: of the
-- first of all and the first in a lane, the one that waits longer. A wait over the limit that lasts for `lasting` seconds is
-- told once; it has ended when the wait is below half the limit. Looks at all queues that have pending tasks and are not
-- paused: what it did not see would count as ended. Returns a row for each wait to tell: the rule and the news, as JSON.
-- The caller lets one process do this at a time (advisory lock), and stores the notices in the same transaction. Locks the
-- conditions that it changes.
-- Relies on lapinq_ready_claim and lapinq_tasks_pkey, three lookups per queue.
WITH rules AS MATERIALIZED (
    SELECT id, queues, backlog_seconds
      FROM lapinq_notify_rules
     WHERE is_enabled
       AND 'backlog' = ANY (events)
), full_queues AS MATERIALIZED (
    SELECT c.queue_name, sum(c.pending)::bigint AS pending
      FROM lapinq_counts c
     WHERE EXISTS (SELECT FROM rules)
       AND NOT EXISTS (SELECT FROM lapinq_queues q WHERE q.name = c.queue_name AND q.paused_at IS NOT NULL)
     GROUP BY c.queue_name
    HAVING sum(c.pending) > 0
), waits AS MATERIALIZED (
    SELECT q.queue_name, q.pending,
           date_part('epoch', lapinq_now() - first.since) AS seconds
      FROM full_queues q
     CROSS JOIN LATERAL (
           SELECT min(coalesce(head.since,
                               (SELECT greatest(t.created_at, t.scheduled_at) FROM lapinq_tasks t WHERE t.id = head.id))) AS since
             FROM ((SELECT r.id, r.since
                      FROM lapinq_ready r
                     WHERE r.queue_name = q.queue_name
                     ORDER BY r.queue_name, r.rank, r.seq
                     LIMIT 1)
                   UNION ALL
                   (SELECT r.id, r.since
                      FROM lapinq_ready r
                     WHERE r.queue_name = q.queue_name
                       AND r.rank > 1099511627776
                     ORDER BY r.queue_name, r.rank, r.seq
                     LIMIT 1)) AS head) AS first
     WHERE first.since IS NOT NULL
), judged AS MATERIALIZED (
    SELECT r.id, w.queue_name, w.pending, w.seconds, r.backlog_seconds, w.seconds > r.backlog_seconds AS is_late
      FROM rules r
      JOIN waits w ON (r.queues IS NULL OR w.queue_name = ANY (r.queues)) AND w.seconds > r.backlog_seconds / 2
), begun AS (
    INSERT INTO lapinq_notify_conditions (rule_id, event, subject, since)
    SELECT id, 'backlog', queue_name, lapinq_now()
      FROM judged
     WHERE is_late
    ON CONFLICT DO NOTHING
), ended AS (
    DELETE FROM lapinq_notify_conditions c
     WHERE c.event = 'backlog'
       AND NOT EXISTS (SELECT FROM judged j WHERE j.id = c.rule_id AND j.queue_name = c.subject)
), told AS (
    UPDATE lapinq_notify_conditions c
       SET told_at = lapinq_now()
      FROM judged j
     WHERE c.rule_id = j.id
       AND c.event = 'backlog'
       AND c.subject = j.queue_name
       AND c.told_at IS NULL
       AND c.since <= lapinq_now() - %(lasting)s::float8 * interval '1 second'
       AND j.is_late
    RETURNING j.*
)
SELECT id,
       jsonb_build_object('event', 'backlog', 'queue_name', queue_name, 'oldest_seconds', round(seconds),
                          'pending', pending, 'limit_seconds', backlog_seconds)
  FROM told
 ORDER BY id, seconds DESC
