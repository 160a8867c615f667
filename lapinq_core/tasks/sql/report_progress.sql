-- Writes the progress of running attempts. Takes arrays of ids, tokens, percents and messages. A row with another token
-- belongs to a later claim and stays. Returns the ids that were still ours.
-- Locks running rows in the order given: ascending ids. Relies on lapinq_running_pkey; joins as report_logs.sql does.
-- To an enqueue that meets the task under an old snapshot (lapinq_holds_key), FOR UPDATE would make the row look deleted.
WITH input AS MATERIALIZED (
    SELECT *
      FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(percents)s::smallint[], %(messages)s::text[])
           AS i (id, token, percent, message)
), locked AS MATERIALIZED (
    SELECT r.id, r.token, i.percent, i.message
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
   SET progress = l.percent,
       progress_message = l.message
  FROM locked l
 WHERE r.id = ANY (ARRAY[l.id])
   AND r.token = l.token
RETURNING r.id::text
