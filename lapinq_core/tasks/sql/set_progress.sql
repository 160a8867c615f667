-- Notes how far a running attempt has come, told by somebody outside of its worker. Answers a row when it did; none when
-- the task is not running, or its claim is another than the one named.
-- Locks its running row. Relies on lapinq_running_pkey.
UPDATE lapinq_running
   SET progress = %(progress)s::smallint,
       progress_message = %(message)s::text
 WHERE id = %(id)s::uuid
   AND (%(claim_seq)s::bigint IS NULL OR seq = %(claim_seq)s::bigint)
RETURNING queue_name
