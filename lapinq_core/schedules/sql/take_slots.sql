-- Takes the slot of each schedule for a run. Fails if one is taken: lapinq_schedule_slots_pkey decides.
-- Locks what it inserts; the caller has locked the schedules.
INSERT INTO lapinq_schedule_slots (schedule_id, task_id)
SELECT * FROM unnest(%(ids)s::bigint[], %(tasks)s::uuid[])
