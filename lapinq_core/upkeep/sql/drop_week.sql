-- Drops the partitions of a week, {attempts} and {tasks}.
-- Locks both, lapinq_attempts, lapinq_tasks and their default partitions, against readers too: for a moment nobody can
-- read or write any task.
DROP TABLE {attempts}, {tasks}
