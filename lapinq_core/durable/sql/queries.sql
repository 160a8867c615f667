-- name: decide
-- Decides what the caller has locked. `by` is the user who answered, null for a link. Locks it.
UPDATE lapinq_decisions
   SET decided_at = lapinq_now(),
       decided_by = %(by)s::text
 WHERE id = %(id)s::bigint
RETURNING decided_at

-- name: fetch_step
-- The result of a step. Locks nothing. Relies on lapinq_steps_pkey.
SELECT result
  FROM lapinq_steps
 WHERE task_id = %(id)s::uuid
   AND name = %(name)s::text
   AND occurrence = %(occurrence)s::bigint

-- name: open_decisions
-- Decisions of tasks that nobody has made, the oldest first. Locks nothing. Relies on lapinq_decisions_place.
SELECT id, task_id::text, name, title, question, schema
  FROM lapinq_decisions
 WHERE task_id = ANY (%(ids)s::uuid[])
   AND decided_at IS NULL
 ORDER BY id
 LIMIT greatest(0, %(limit)s::integer)

-- name: signal
-- Sends a signal. Locks what lapinq_wake_1 says, at the commit.
SELECT lapinq_signal_1(%(id)s::uuid, %(name)s::text, %(value)s::text)

-- name: wait
-- Begins waits of running attempts, or goes on with them. Locks what lapinq_wait_1 says, in the order given: ascending ids.
SELECT i.number, w.outcome, w.result, w.taken
  FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(names)s::text[], %(occurrences)s::bigint[], %(kinds)s::text[],
              %(signals)s::text[], %(children)s::uuid[], %(seconds)s::float8[], %(versions)s::text[])
       WITH ORDINALITY AS i (id, token, name, occurrence, kind, signals, child, seconds, version, number)
 CROSS JOIN LATERAL lapinq_wait_1(i.id, i.token, i.name, i.occurrence, i.kind,
                                  ARRAY(SELECT jsonb_array_elements_text(i.signals::jsonb)), i.child, i.seconds, i.version) AS w
