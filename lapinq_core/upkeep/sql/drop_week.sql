-- Drops the partitions of a week, {attempts} and {tasks}. Locks, against readers too, lapinq_attempts, its default
-- partition and the week's, then the same of lapinq_tasks: for a moment nobody gets at any task.
DROP TABLE {attempts}, {tasks}
