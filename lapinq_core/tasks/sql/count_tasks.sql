-- Counts the matching tasks of a batch, as delete_tasks.sql does: how many are not running, how many are. {looked} and
-- {picked} are queries for the batch and for its matching tasks (`filters.py`).
-- Locks nothing. Relies on the primary keys, lapinq_attempts_final and the settings of `bulk.py`.
WITH looked AS MATERIALIZED (
    {looked}
), picked AS MATERIALIZED (
    {picked}
)
SELECT (SELECT count(*) FROM picked WHERE NOT is_running),
       (SELECT count(*) FROM picked WHERE is_running),
       '{{}}'::text[],
       '{{}}'::text[],
       (SELECT id::text FROM looked ORDER BY id DESC LIMIT 1),
       (SELECT count(*) FROM looked)
