-- Writes the progress of running attempts. Takes arrays of ids, tokens, percents and messages. A row with another token
-- belongs to a later claim and stays. Returns the ids that were still ours.
-- Locks running rows in ascending order of id, as report_logs.sql does. Relies on lapinq_running_pkey.
WITH input AS MATERIALIZED (
    SELECT *
      FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(percents)s::smallint[], %(messages)s::text[])
           AS i (id, token, percent, message)
), locked AS MATERIALIZED (
    SELECT r.id, r.token, i.percent, i.message
      FROM input i
      JOIN lapinq_running r ON r.id = i.id AND r.token = i.token
     ORDER BY r.id
       FOR UPDATE OF r
)
UPDATE lapinq_running r
   SET progress = l.percent,
       progress_message = l.message
  FROM locked l
 WHERE r.id = l.id
   AND r.token = l.token
RETURNING r.id::text
