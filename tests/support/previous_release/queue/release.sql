-- Hands back tasks whose function was never called: out of running, into ready at the place they were taken from.
-- Takes arrays of ids, tokens and places; answers the queues concerned. No attempt is recorded, no start used up.
-- A row whose token differs belongs to a later claim and stays. Locks running rows in the order given: ascending ids.
-- Relies on lapinq_running_pkey.
WITH input AS MATERIALIZED (
    SELECT *
      FROM ROWS FROM (unnest(%(ids)s::uuid[]), unnest(%(tokens)s::uuid[]), unnest(%(seqs)s::bigint[]))
           AS i (id, token, seq)
), ended AS (
    DELETE FROM lapinq_running r
     USING input i
     WHERE r.id = i.id
       AND r.token = i.token
    RETURNING r.id, r.queue_name, r.rank, r.attempt, r.expires_at, i.seq
), entered AS (
    INSERT INTO lapinq_ready (queue_name, rank, seq, id, starts, expires_at)
    OVERRIDING SYSTEM VALUE
    SELECT queue_name, rank, seq, id, attempt - 1, expires_at
      FROM ended
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending)
    SELECT queue_name, count(*)
      FROM ended
     GROUP BY queue_name
)
SELECT DISTINCT queue_name FROM ended
