-- Frees the slots of schedules whose run has ended or was deleted. Returns for each schedule the run that has not
-- ended, and whether a tick is held.
-- Locks the slots it deletes; the caller has locked the schedules. Relies on the primary keys of the tables with
-- unfinished tasks.
WITH freed AS (
    DELETE FROM lapinq_schedule_slots s
     WHERE s.schedule_id = ANY(%(ids)s::bigint[])
       AND NOT EXISTS (SELECT FROM lapinq_ready WHERE id = s.task_id)
       AND NOT EXISTS (SELECT FROM lapinq_delayed WHERE id = s.task_id)
       AND NOT EXISTS (SELECT FROM lapinq_running WHERE id = s.task_id)
    RETURNING s.schedule_id
)
SELECT i.id,
       (SELECT task_id
          FROM lapinq_schedule_slots
         WHERE schedule_id = i.id AND NOT EXISTS (SELECT FROM freed WHERE schedule_id = i.id)),
       EXISTS (SELECT FROM lapinq_ticks WHERE schedule_id = i.id AND outcome = 'held')
  FROM unnest(%(ids)s::bigint[]) AS i (id)
