-- Sets the progress of a running attempt from outside its worker. Returns a row if it did; none if the task is not
-- running, or has another claim than the one named.
-- Locks its running row. Relies on lapinq_running_pkey.
UPDATE lapinq_running
   SET progress = %(progress)s::smallint,
       progress_message = %(message)s::text
 WHERE id = %(id)s::uuid
   AND (%(claim_seq)s::bigint IS NULL OR seq = %(claim_seq)s::bigint)
RETURNING queue_name
