-- Writes what running attempts logged lately. Takes arrays of ids, tokens and texts. A row with another token belongs
-- to a later claim and stays. Returns the ids that were still ours.
-- Locks running rows in the order given, ascending ids, before it changes any. Relies on lapinq_running_pkey: the
-- lateral lookup and the array leave the planner no other join, whatever statistics say about a table that fills and
-- empties within seconds.
-- To an enqueue that meets the task under an old snapshot (lapinq_holds_key), FOR UPDATE would make the row look deleted.
WITH input AS MATERIALIZED (
    SELECT *
      FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(logs)s::text[]) AS i (id, token, logs)
), locked AS MATERIALIZED (
    SELECT r.id, r.token, i.logs
      FROM input i
     CROSS JOIN LATERAL (
           SELECT id, token
             FROM lapinq_running
            WHERE id = i.id
              AND token = i.token
            LIMIT 1
              FOR NO KEY UPDATE) AS r
)
UPDATE lapinq_running r
   SET logs = l.logs
  FROM locked l
 WHERE r.id = ANY (ARRAY[l.id])
   AND r.token = l.token
RETURNING r.id::text
