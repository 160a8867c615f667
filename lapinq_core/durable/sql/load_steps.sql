-- The steps and waits of running attempts, in the order in which they began. `number` is the place of the attempt in the request; an
-- attempt without any has one row without a name, and one whose claim is lost none. Of the waits that woke a task, those are over
-- whose signal, task or time has come: the attempt need not ask again.
-- Leaves out results beyond the first `max_bytes` of each.
-- Locks what lapinq_wait_1 says for waits that are over, else nothing. Relies on lapinq_running_pkey and lapinq_steps_pkey.
WITH stored AS MATERIALIZED (
    SELECT i.id, i.token, i.number, s.name, s.occurrence, s.kind, s.outcome, s.result, s.names, s.version, s.child_id,
           s.started_at, s.due_at, s.task_id IS NOT NULL AND s.ended_at IS NULL AS is_open,
           s.claim_seq = max(s.claim_seq) FILTER (WHERE s.ended_at IS NULL) OVER (PARTITION BY i.number) AS is_of_last_claim
      FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[]) WITH ORDINALITY AS i (id, token, number)
      JOIN lapinq_running r ON r.id = i.id
                           AND r.token = i.token
      LEFT JOIN lapinq_steps s ON s.task_id = i.id
                              AND s.kind IN ('step', 'sleep', 'signal', 'task', 'spawn')
     ORDER BY i.number, s.started_at, s.name, s.occurrence
), looked AS MATERIALIZED (
    SELECT s.number, s.name, s.occurrence, s.kind, s.version, s.started_at,
           coalesce(w.outcome, s.outcome) AS outcome,
           CASE WHEN w.outcome IS NULL THEN s.result ELSE w.result END AS result,
           coalesce(w.taken, s.names[1]) AS taken
      FROM stored s
      LEFT JOIN LATERAL (
           SELECT x.*
             FROM lapinq_wait_1(s.id, s.token, s.name, s.occurrence, s.kind, s.names, s.child_id, NULL, s.version) AS x
            WHERE s.is_open
              AND s.is_of_last_claim
              AND (s.due_at <= lapinq_now() OR CASE s.kind
                  WHEN 'signal' THEN EXISTS (SELECT
                                               FROM lapinq_steps t
                                              WHERE t.task_id = s.id
                                                AND t.name = ANY (s.names)
                                                AND t.kind = 'sent')
                  WHEN 'task' THEN EXISTS (SELECT FROM lapinq_child_outcome_1(s.child_id))
                  END)
           OFFSET 0) AS w ON w.outcome IN ('completed', 'timed_out', 'failed')
)
SELECT number, name, occurrence, kind, outcome,
       CASE WHEN sum(octet_length(result)) OVER (PARTITION BY number ORDER BY started_at, name, occurrence)
                 <= %(max_bytes)s::bigint
            THEN result
       END,
       coalesce(octet_length(result), 0), taken, version
  FROM looked
 ORDER BY number, started_at, name, occurrence
