-- A task of a lane that a claim starts. `time`: in fair order, the virtual time of its key after the start; `place`: that of
-- its lane. `most`: how many tasks of the key may start.
CREATE TYPE lapinq_pick_2 AS (
    lane text, key text, id uuid, "time" float8, place float8, most integer
);
