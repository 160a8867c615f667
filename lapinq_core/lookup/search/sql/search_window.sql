-- The matches in one batch of a search: the newest {shown} ids, how many match, and the last id scanned, NULL if there
-- were fewer than {size}. {scanned} is a query for the batch, in descending order, {matching} one for its matches
-- (`search_filters.py`).
-- Locks nothing. Relies on the primary keys, the indexes of lapinq_attempts and the settings of `backward_scan.py`.
WITH scanned AS MATERIALIZED (
    {scanned}
), matching AS MATERIALIZED (
    {matching}
)
SELECT ARRAY(SELECT id::text FROM (SELECT id FROM matching ORDER BY id DESC LIMIT {shown}) AS shown),
       (SELECT count(*) FROM matching),
       (SELECT id FROM scanned OFFSET {size} - 1 LIMIT 1)::text
