-- Writes what running attempts logged lately. Takes arrays of ids, tokens and texts. A row with another token belongs
-- to a later claim and stays. Returns the ids that were still ours.
-- Locks running rows in ascending order of id before it changes any: on a pooled connection the planner chooses the
-- plan, and would lock them in the order it meets them. Relies on lapinq_running_pkey.
WITH input AS MATERIALIZED (
    SELECT *
      FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(logs)s::text[]) AS i (id, token, logs)
), locked AS MATERIALIZED (
    SELECT r.id, r.token, i.logs
      FROM input i
      JOIN lapinq_running r ON r.id = i.id AND r.token = i.token
     ORDER BY r.id
       FOR UPDATE OF r
)
UPDATE lapinq_running r
   SET logs = l.logs
  FROM locked l
 WHERE r.id = l.id
   AND r.token = l.token
RETURNING r.id::text
