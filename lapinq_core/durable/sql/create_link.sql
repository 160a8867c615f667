-- Stores a link for what a running attempt asks, with the decision if it is the first link to it; a later one brings what the
-- page shows up to date until it is decided. Returns whether it is stored: not if there are `most` links to the decision. No row
-- if the claim is lost.
-- Locks the row of the running attempt against its end, then the decision. Relies on lapinq_running_pkey,
-- lapinq_decisions_place and lapinq_links_decision_id.
WITH held AS MATERIALIZED (
    SELECT id
      FROM lapinq_running
     WHERE id = %(id)s::uuid
       AND token = %(token)s::uuid
       FOR KEY SHARE
), decision AS (
    INSERT INTO lapinq_decisions AS d (task_id, name, step, occurrence, title, question, schema, created_at, expires_at)
    SELECT id, %(name)s::text, %(step)s::text, %(occurrence)s::integer, %(title)s::text, %(text)s::text, %(schema)s::text,
           lapinq_now(), lapinq_now() + %(seconds)s::float8 * interval '1 second'
      FROM held
    ON CONFLICT ON CONSTRAINT lapinq_decisions_place DO UPDATE
       SET title = CASE WHEN d.decided_at IS NULL THEN excluded.title ELSE d.title END,
           question = CASE WHEN d.decided_at IS NULL THEN excluded.question ELSE d.question END,
           schema = CASE WHEN d.decided_at IS NULL THEN excluded.schema ELSE d.schema END,
           expires_at = greatest(d.expires_at, excluded.expires_at)
    RETURNING d.id
), link AS (
    INSERT INTO lapinq_links (token_hash, decision_id, expires_at)
    SELECT %(hash)s::bytea, d.id, lapinq_now() + %(seconds)s::float8 * interval '1 second'
      FROM decision d
     WHERE NOT EXISTS (SELECT FROM lapinq_links l WHERE l.decision_id = d.id OFFSET greatest(0, %(most)s::integer - 1) LIMIT 1)
    RETURNING true
)
SELECT EXISTS (SELECT FROM link) FROM decision
