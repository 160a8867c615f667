-- The sets of named limits of which open lanes of a queue are next, at most `size`, without `blocked` ones; and by how much
-- the places of their lanes are shifted. A lane's set is '' if it takes from no limit.
-- While a limit blocks a set in fair order, virtual time goes on without it. So the places of its lanes are shifted, that
-- the first of them is never before it: what was blocked has no credit, and its lanes keep their order.
-- `all_shifts` are those of all sets with open lanes, to be stored. Of many sets it leaves out those that surely have no
-- room, so that their limits need not be locked to find that out.
-- Locks nothing. Relies on lapinq_lanes_open.
CREATE OR REPLACE FUNCTION lapinq_next_sets_1(
    q lapinq_queues, blocked text[], size integer, OUT sets text[], OUT shifts float8[], OUT all_shifts jsonb
) LANGUAGE plpgsql STABLE AS $function$
DECLARE
    few CONSTANT integer := 10;
    all_sets text[];
    places float8[];
    ranks bigint[];
    without_room text[] := '{}';
BEGIN
    SELECT array_agg(e.names), array_agg(e.rank), array_agg(e.place)
      INTO all_sets, ranks, places
      FROM ((SELECT x.names, x.rank, x.place
               FROM lapinq_lanes x
              WHERE x.queue_name = q.name
                AND x.names = ''
                AND x.is_open
              ORDER BY x.queue_name, x.names, x.rank, x.place
              LIMIT 1)
             UNION ALL
            SELECT o.names, o.rank, o.place FROM lapinq_open_sets_1(q.name) o) AS e;
    IF cardinality(all_sets) > few THEN
        without_room := lapinq_limits_without_room_3(q.name, all_sets);
    END IF;
    WITH shifted AS MATERIALIZED (
        SELECT e.names, e.rank, e.place,
               CASE WHEN q.start_order = 'fair' AND e.names > ''
                    THEN greatest(0, (q.lane_shifts ->> e.names)::float8, q.virtual_time - e.place)
                    ELSE 0 END AS shift
          FROM unnest(all_sets, ranks, places) AS e (names, rank, place)
    ), next AS MATERIALIZED (
        SELECT s.names, s.shift
          FROM shifted s
         WHERE s.names <> ALL (blocked)
           AND (SELECT bool_or(one.name IN (SELECT unnest(without_room)))
                  FROM unnest(string_to_array(s.names, ',')) AS one (name)) IS NOT TRUE
         ORDER BY s.rank, s.place + s.shift
         LIMIT greatest(0, size)
    )
    SELECT coalesce((SELECT array_agg(n.names) FROM next n), '{}'),
           coalesce((SELECT array_agg(n.shift) FROM next n), '{}'),
           (SELECT jsonb_object_agg(s.names, s.shift) FROM shifted s WHERE s.shift > 0)
      INTO sets, shifts, all_shifts;
END
$function$;
