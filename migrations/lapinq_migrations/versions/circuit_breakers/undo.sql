-- Nothing is written between the copy and the end of the tables.
LOCK TABLE lapinq_queues IN EXCLUSIVE MODE;
LOCK TABLE lapinq_circuit_breakers, lapinq_circuit_breaker_starts, lapinq_circuit_breaker_counts IN ACCESS EXCLUSIVE MODE;

-- The rows go back into the former tables, which are there again.
INSERT INTO lapinq_breakers TABLE view_breakers;
INSERT INTO lapinq_breaker_starts SELECT queue_name, seq, task_id, claimed_at FROM view_breaker_starts;
INSERT INTO lapinq_breaker_counts TABLE view_breaker_counts;
INSERT INTO lapinq_task_breakers TABLE view_task_breakers;
INSERT INTO lapinq_task_breaker_starts SELECT task_name, seq, task_id, claimed_at FROM view_task_breaker_starts;
INSERT INTO lapinq_task_breaker_counts TABLE view_task_breaker_counts;

DROP TABLE lapinq_circuit_breakers, lapinq_circuit_breaker_starts, lapinq_circuit_breaker_counts CASCADE;
