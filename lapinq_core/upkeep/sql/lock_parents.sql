-- Locks lapinq_attempts and lapinq_tasks, without their partitions, against readers too: for the drop of a week.
LOCK TABLE ONLY lapinq_attempts, ONLY lapinq_tasks IN ACCESS EXCLUSIVE MODE
