-- What passes of a window of a search: its newest ids, at most {shown}, how many pass, and the last id looked at, NULL
-- where there were fewer than {size}. {looked} and {picked} are queries for the window, which comes in descending order,
-- and for what passes of it (`search_filters.py`).
-- Locks nothing. Relies on the primary keys, the indexes of lapinq_attempts and the settings of `backward_scan.py`.
WITH looked AS MATERIALIZED (
    {looked}
), picked AS MATERIALIZED (
    {picked}
)
SELECT ARRAY(SELECT id::text FROM (SELECT id FROM picked ORDER BY id DESC LIMIT {shown}) AS shown),
       (SELECT count(*) FROM picked),
       (SELECT id FROM looked OFFSET {size} - 1 LIMIT 1)::text
