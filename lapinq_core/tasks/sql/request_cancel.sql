-- Asks to stop a running attempt: marks its row, for the worker's next heartbeat, and notifies the worker at once on
-- the channel lapinq_cancel. Returns a row if it did; none if the task is unknown or not running.
-- Locks its running row; against the end of the attempt one of the two wins. Relies on lapinq_running_pkey.
WITH asked AS (
    UPDATE lapinq_running
       SET cancel_requested_at = coalesce(cancel_requested_at, lapinq_now())
     WHERE id = %(id)s::uuid
    RETURNING id, token, queue_name
)
SELECT queue_name, pg_notify('lapinq_cancel', id || ' ' || token) FROM asked
