-- Claims lock a queue's row before they meet its breaker, and who applies rules of code reads breakers before queues, under a
-- lock of its own. So this waits for both here, where none waits for the other.
SELECT pg_advisory_xact_lock(hashtext('lapinq apply schedules'));
LOCK TABLE lapinq_queues IN EXCLUSIVE MODE;

-- The former tables, whose rows go through these views into the new ones. Columns are in their former order.
ALTER TABLE lapinq_breakers RENAME TO former_breakers;
ALTER TABLE lapinq_breaker_starts RENAME TO former_breaker_starts;
ALTER TABLE lapinq_breaker_counts RENAME TO former_breaker_counts;
ALTER TABLE lapinq_task_breakers RENAME TO former_task_breakers;
ALTER TABLE lapinq_task_breaker_starts RENAME TO former_task_breaker_starts;
ALTER TABLE lapinq_task_breaker_counts RENAME TO former_task_breaker_counts;

CREATE VIEW lapinq_breakers AS
SELECT queue_name, failures_in_row, failure_share, window_seconds, least_attempts, retry_after_seconds, state, since,
       since_seq, in_row, failures, attempts, failed_task_id, opened_at, pause_seconds, tries_at, probe_id, probe_seq,
       judged_at, told_state, first_seq
  FROM lapinq_circuit_breakers
 WHERE queue_name IS NOT NULL;

CREATE VIEW lapinq_task_breakers AS
SELECT task_name, failures_in_row, failure_share, window_seconds, least_attempts, retry_after_seconds, state, since,
       since_seq, in_row, failures, attempts, failed_task_id, opened_at, pause_seconds, tries_at, probe_id, probe_seq,
       judged_at, told_state, let_go, let_go_at, first_seq, source
  FROM lapinq_circuit_breakers
 WHERE task_name IS NOT NULL;

-- Statements of the previous release find the rows that they delete by `ctid`.
CREATE VIEW lapinq_breaker_starts AS
SELECT name AS queue_name, seq, task_id, claimed_at, kind, ctid FROM lapinq_circuit_breaker_starts WHERE kind = 'queue';
ALTER VIEW lapinq_breaker_starts ALTER COLUMN kind SET DEFAULT 'queue';

CREATE VIEW lapinq_task_breaker_starts AS
SELECT name AS task_name, seq, task_id, claimed_at, kind, ctid FROM lapinq_circuit_breaker_starts WHERE kind = 'task';
ALTER VIEW lapinq_task_breaker_starts ALTER COLUMN kind SET DEFAULT 'task';

CREATE VIEW lapinq_breaker_counts AS
SELECT queue_name, slice, failures, attempts FROM lapinq_circuit_breaker_counts WHERE queue_name IS NOT NULL;

CREATE VIEW lapinq_task_breaker_counts AS
SELECT task_name, slice, failures, attempts FROM lapinq_circuit_breaker_counts WHERE task_name IS NOT NULL;

INSERT INTO lapinq_breakers TABLE former_breakers;
INSERT INTO lapinq_breaker_starts TABLE former_breaker_starts;
INSERT INTO lapinq_breaker_counts TABLE former_breaker_counts;
INSERT INTO lapinq_task_breakers TABLE former_task_breakers;
INSERT INTO lapinq_task_breaker_starts TABLE former_task_breaker_starts;
INSERT INTO lapinq_task_breaker_counts TABLE former_task_breaker_counts;

DROP TABLE former_breakers, former_breaker_starts, former_breaker_counts, former_task_breakers, former_task_breaker_starts,
           former_task_breaker_counts;
