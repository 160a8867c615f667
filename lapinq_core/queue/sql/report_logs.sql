-- Notes what running attempts logged of late. Takes arrays of ids, tokens and texts; a row whose token differs belongs to a
-- later claim and stays. Answers the ids that were still ours.
-- Locks running rows in the order given: ascending ids. Relies on lapinq_running_pkey.
WITH input AS MATERIALIZED (
    SELECT *
      FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(logs)s::text[]) AS i (id, token, logs)
)
UPDATE lapinq_running r
   SET logs = i.logs
  FROM input i
 WHERE r.id = i.id
   AND r.token = i.token
RETURNING r.id::text
