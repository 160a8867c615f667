-- Skips the held ticks of schedules. Locks them. Relies on lapinq_ticks_held.
UPDATE lapinq_ticks
   SET outcome = 'skipped'
 WHERE schedule_id = ANY(%(ids)s::bigint[]) AND outcome = 'held'
