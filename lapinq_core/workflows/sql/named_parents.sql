-- The parents that arguments of tasks in workflows name, each once: id, workflow and ref, the numbers of the tasks that
-- name it, how it ended (pending: it hasn't), its error, and the result with its size in bytes. `version` is that of the
-- result.
-- Leaves out results whose version the caller knows, and all that don't fit: those that the first task names may have
-- `first_bytes` together, and with those that the following tasks name, in their order, `max_bytes`.
-- Locks nothing. Relies on the primary key and lapinq_workflow_tasks_ref, and on lapinq_attempts_final. OFFSET 0 keeps
-- PostgreSQL from reading all tasks of a workflow to find one.
WITH named AS (
    SELECT p.task_id, p.workflow_id, p.ref, p.outcome, array_agg(w.number) AS numbers, min(w.number) AS first
      FROM unnest(%(ids)s::uuid[], %(refs)s::text[], %(numbers)s::integer[]) AS w (id, ref, number)
      JOIN lapinq_workflow_tasks c ON c.task_id = w.id
     CROSS JOIN LATERAL (SELECT x.task_id, x.workflow_id, x.ref, x.outcome
                           FROM lapinq_workflow_tasks x
                          WHERE x.workflow_id = c.workflow_id
                            AND x.ref = w.ref
                         OFFSET 0) AS p
     GROUP BY p.task_id, p.workflow_id, p.ref, p.outcome
), ended AS (
    SELECT n.task_id, n.workflow_id, n.ref, n.numbers, n.first, coalesce(a.outcome, n.outcome, 'pending') AS status,
           a.error, a.result, a.version, coalesce(octet_length(a.result), 0) AS size
      FROM named n
      LEFT JOIN LATERAL (SELECT x.outcome, x.error, x.result, x.task_id || ' ' || x.finished_at AS version
                           FROM lapinq_attempts x
                          WHERE x.task_id = n.task_id
                            AND x.final
                         OFFSET 0) AS a ON true
)
SELECT task_id::text, workflow_id::text, ref, numbers, status, error, size, version,
       CASE WHEN version <> ALL (%(known)s::text[])
             AND sum(CASE WHEN version <> ALL (%(known)s::text[]) THEN size ELSE 0 END) OVER (ORDER BY first)
                 <= CASE WHEN first = 0 THEN %(first_bytes)s::bigint ELSE %(max_bytes)s::bigint END
            THEN result
       END
  FROM ended
