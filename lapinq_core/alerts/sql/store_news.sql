-- Stores a notice of each piece of news for each enabled rule that asks for its event, and for its queue if it has one.
-- Takes a JSON array of objects with an `event`; `rules` has the one rule that each is for, or is null. A rule has at most
-- `most` pending notices; it counts those left out. Returns how many it stored.
-- Locks the rules that leave out notices, ascending by id. Relies on lapinq_notices_pending; reads all rules, which are
-- few.
WITH news AS MATERIALIZED (
    SELECT details, details->>'event' AS event, nullif(details->>'queue_name', '') AS queue_name, number,
           (%(rules)s::bigint[])[number] AS rule_id
      FROM jsonb_array_elements(%(news)s::jsonb) WITH ORDINALITY AS n (details, number)
), asked AS MATERIALIZED (
    SELECT r.id, n.event, n.details, row_number() OVER (PARTITION BY r.id ORDER BY n.number) AS place
      FROM lapinq_notify_rules r
      JOIN news n ON n.event = ANY (r.events)
                 AND (r.queues IS NULL OR n.queue_name IS NULL OR n.queue_name = ANY (r.queues))
                 AND (n.rule_id IS NULL OR n.rule_id = r.id)
     WHERE r.is_enabled
), room AS MATERIALIZED (
    SELECT a.id,
           count(*) AS asked,
           %(most)s::integer - (SELECT count(*)
                                  FROM (SELECT
                                          FROM lapinq_notices n
                                         WHERE n.rule_id = a.id
                                           AND n.state = 'pending'
                                         LIMIT %(most)s::integer) AS pending) AS places
      FROM asked a
     GROUP BY a.id
), stored AS (
    INSERT INTO lapinq_notices (rule_id, event, details, created_at)
    SELECT a.id, a.event, a.details, lapinq_now()
      FROM asked a
      JOIN room ON room.id = a.id
     WHERE a.place <= room.places
     ORDER BY a.id, a.place
    RETURNING id
), full_ones AS MATERIALIZED (
    SELECT r.id, room.asked - room.places AS left_out
      FROM lapinq_notify_rules r
      JOIN room ON room.id = r.id
     WHERE room.asked > room.places
     ORDER BY r.id
       FOR NO KEY UPDATE OF r
), left_out AS (
    UPDATE lapinq_notify_rules r
       SET left_out = r.left_out + f.left_out
      FROM full_ones f
     WHERE r.id = f.id
)
SELECT count(*) FROM stored
