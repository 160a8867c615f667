-- Stores the results of steps that running attempts have made, and returns the places in the request of those whose claim is not
-- lost. One that is there already was stored by the same claim, whose answer was lost.
-- Locks the rows of the running attempts against their ends, in the order given: ascending ids. Relies on lapinq_running_pkey.
WITH held AS MATERIALIZED (
    SELECT i.*, r.attempt
      FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(names)s::text[], %(occurrences)s::bigint[], %(kinds)s::text[],
                  %(results)s::text[], %(seconds)s::float8[], %(versions)s::text[])
           WITH ORDINALITY AS i (id, token, name, occurrence, kind, result, seconds, version, number)
      JOIN lapinq_running r ON r.id = i.id
                           AND r.token = i.token
       FOR KEY SHARE OF r
), stored AS (
    INSERT INTO lapinq_steps (task_id, name, occurrence, kind, outcome, result, started_at, ended_at, attempt, version)
    SELECT id, name, occurrence, kind, 'completed', result, lapinq_now() - seconds * interval '1 second', lapinq_now(),
           attempt, version
      FROM held
    ON CONFLICT DO NOTHING
)
SELECT number FROM held
