-- The sets of named limits of which a queue has open lanes, each with the place of its first one.
-- A set may have one lane or thousands. It reads some lanes at a time, more while each is of another set, and goes on behind
-- the last of them.
-- Locks nothing. Relies on lapinq_lanes_open.
CREATE FUNCTION lapinq_open_sets_1(queue text) RETURNS TABLE (names text, rank bigint, place float8)
LANGUAGE plpgsql STABLE ROWS 10 AS $function$
#variable_conflict use_column
DECLARE
    fewest CONSTANT integer := 2;
    most CONSTANT integer := 512;
    at_once integer := fewest;
    last_names text := ''; -- that of lanes without limits
    lane record;
    lanes integer;
    found_sets integer;
BEGIN
    LOOP
        lanes := 0;
        found_sets := 0;
        FOR lane IN
            SELECT l.names, l.rank, l.place
              FROM lapinq_lanes l
             WHERE l.queue_name = queue
               AND l.is_open
               AND l.names > last_names
             ORDER BY l.queue_name, l.names, l.rank, l.place
             LIMIT greatest(0, at_once)
        LOOP
            lanes := lanes + 1;
            IF lane.names <> last_names THEN
                found_sets := found_sets + 1;
                last_names := lane.names;
                names := lane.names;
                rank := lane.rank;
                place := lane.place;
                RETURN NEXT;
            END IF;
        END LOOP;
        EXIT WHEN lanes < at_once;
        at_once := CASE WHEN found_sets = lanes THEN least(at_once * 2, most) ELSE fewest END;
    END LOOP;
END
$function$;
