-- Which of these claims of running attempts are held, and what each has stored under the name of its step. `number` is the place in
-- the request. Locks the rows of the running attempts against their ends, in the order given: ascending ids.
-- Relies on lapinq_running_pkey and lapinq_steps_pkey.
SELECT i.number, s.kind, s.result
  FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(names)s::text[], %(occurrences)s::bigint[])
       WITH ORDINALITY AS i (id, token, name, occurrence, number)
  JOIN lapinq_running r ON r.id = i.id
                       AND r.token = i.token
  LEFT JOIN lapinq_steps s ON s.task_id = i.id
                          AND s.name = i.name
                          AND s.occurrence = i.occurrence
   FOR KEY SHARE OF r
