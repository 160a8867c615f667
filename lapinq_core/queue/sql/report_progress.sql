-- Notes how far running attempts have come. Takes arrays of ids, tokens, percents and messages; a row whose token differs
-- belongs to a later claim and stays. Answers the ids that were still ours.
-- Locks running rows in the order given: ascending ids. Relies on lapinq_running_pkey.
WITH input AS MATERIALIZED (
    SELECT *
      FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(percents)s::smallint[], %(messages)s::text[])
           AS i (id, token, percent, message)
)
UPDATE lapinq_running r
   SET progress = i.percent,
       progress_message = i.message
  FROM input i
 WHERE r.id = i.id
   AND r.token = i.token
RETURNING r.id::text
