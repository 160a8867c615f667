-- Keeps a week's tasks and attempts, {tasks} and {attempts}, as they are until the end of the transaction; they can still
-- be read. Locks both partitions: it waits for who writes there now, and who wants to write waits for it.
LOCK TABLE {tasks}, {attempts} IN SHARE ROW EXCLUSIVE MODE
