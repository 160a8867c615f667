"""A month behind the charts of the pictures. It is made up."""

import psycopg

ROLLUPS = """
INSERT INTO lapinq_rollups (span, since, queue_name, started, completed, failed, runs, waits)
SELECT span, date_bin(span * interval '1 second', now(), to_timestamp(0)) - n * span * interval '1 second', name,
       amount, amount - amount / 40, amount / 40,
       array_fill(0::bigint, ARRAY[20])
           || ARRAY[amount / 8, amount / 4, amount / 3, amount / 6, amount / 12, amount / 50],
       array_fill(0::bigint, ARRAY[10])
           || ARRAY[amount / 6, amount / 3, amount / 3, amount / 9, amount / 40, amount / 90]
  FROM (VALUES (10, 360), (60, 1440), (900, 700)) AS spans (span, points)
 CROSS JOIN LATERAL generate_series(1, points) AS n
 CROSS JOIN (VALUES ('', 10), ('mail', 5), ('pictures', 3), ('video', 1), ('reports', 1)) AS queues (name, share)
 CROSS JOIN LATERAL (SELECT (span * share * (1.3 + sin(n * span / 4000.0) + 0.25 * random()) / 4)::bigint) AS a (amount)
"""

TASK_ROLLUPS = """
INSERT INTO lapinq_task_rollups (span, since, queue_name, task_name, completed, failed, runs)
SELECT span, date_bin(span * interval '1 second', now(), to_timestamp(0)) - n * span * interval '1 second', queue, task,
       amount, amount / 40,
       array_fill(0::bigint, ARRAY[20]) || ARRAY[amount / 8, amount / 4, amount / 3, amount / 6, amount / 12]
  FROM (VALUES (60, 180), (900, 280), (7200, 350)) AS spans (span, points)
 CROSS JOIN LATERAL generate_series(1, points) AS n
 CROSS JOIN (VALUES ('mail', 'send_receipt', 5), ('pictures', 'thumbnail', 3), ('video', 'transcode', 1),
                    ('reports', 'nightly_report', 1)) AS tasks (queue, task, share)
 CROSS JOIN LATERAL (SELECT (span * share * (1.3 + sin(n * span / 4000.0) + 0.25 * random()) / 4)::bigint) AS a (amount)
"""

LEVELS = """
INSERT INTO lapinq_levels (span, since, queue_name, sampled_at, ready, running)
SELECT span, since, queue, since, (share * (4 + 3 * sin(n / 9.0) + 2 * random()))::bigint, least(share, 8)
  FROM (VALUES (60, 180), (900, 280), (7200, 350)) AS spans (span, points)
 CROSS JOIN LATERAL generate_series(1, points) AS n
 CROSS JOIN LATERAL (SELECT span * interval '1 second' AS width) AS w
 CROSS JOIN LATERAL (SELECT date_bin(width, now(), to_timestamp(0)) - n * width AS since) AS t
 CROSS JOIN (VALUES ('', 10), ('mail', 5), ('pictures', 3), ('video', 1)) AS queues (queue, share)
"""

ERRORS = """
WITH counted AS (
    INSERT INTO lapinq_error_counts (group_id, span, since, failed)
    SELECT id, span, date_bin(span * interval '1 second', now(), to_timestamp(0)) - n * span * interval '1 second',
           (random() * span / 900)::bigint + CASE WHEN n % 29 < 3 THEN 5 ELSE 0 END
      FROM lapinq_error_groups
     CROSS JOIN (VALUES (300, 500), (3600, 600)) AS spans (span, points)
     CROSS JOIN LATERAL generate_series(1, points) AS n
 RETURNING group_id, span, failed
)
UPDATE lapinq_error_groups g
   SET failed = g.failed + c.failed, first_at = now() - interval '19 days'
  FROM (SELECT group_id, sum(failed) AS failed FROM counted WHERE span = 3600 GROUP BY group_id) AS c
 WHERE g.id = c.group_id
"""
"""Of the groups that are there."""

PAST_RUNS = """
INSERT INTO lapinq_ticks (schedule_id, fire_at, fired_at, outcome, task_id)
SELECT s.id, t.fire_at, t.fire_at + interval '7 milliseconds' * t.n,
       CASE n WHEN 4 THEN 'missed' WHEN 9 THEN 'skipped' ELSE 'enqueued' END,
       CASE WHEN n NOT IN (4, 9) THEN t.task_id END
  FROM lapinq_schedules AS s
 CROSS JOIN LATERAL (
       SELECT n, date_trunc('day', now()) - (n - 1) * interval '1 day' + interval '2 hours' AS fire_at,
              (SELECT task_id FROM lapinq_attempts
                WHERE final AND outcome = CASE WHEN n IN (7, 13) THEN 'failed' ELSE 'completed' END
                ORDER BY task_id OFFSET n LIMIT 1) AS task_id
         FROM generate_series(1, 20) AS n) AS t
 WHERE s.name IN ('nightly-report', 'prune-pictures')
"""
"""Nights in which other tasks stand for the runs."""


def add_figures(conn: psycopg.Connection) -> None:
    """What tasks did and how many there were."""
    for statement in (ROLLUPS, TASK_ROLLUPS, LEVELS):
        conn.execute(statement)


def add_runs(conn: psycopg.Connection) -> None:
    """What schedules fired, and earlier errors of the groups that are there."""
    conn.execute(ERRORS)
    conn.execute(PAST_RUNS)
