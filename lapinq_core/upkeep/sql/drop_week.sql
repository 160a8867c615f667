-- Drops the partitions of a week, {attempts} and {tasks}.
-- Locks lapinq_attempts, its default partition and the week's, then the same of lapinq_tasks, against readers too: for
-- a moment nobody can read or write any task.
DROP TABLE {attempts}, {tasks}
