-- Keeps a week's tasks and attempts, {tasks} and {attempts}, unchanged until the end of the transaction; they can still
-- be read.
-- Locks both partitions: it waits for current writers, and new writers wait for it.
LOCK TABLE {tasks}, {attempts} IN SHARE ROW EXCLUSIVE MODE
