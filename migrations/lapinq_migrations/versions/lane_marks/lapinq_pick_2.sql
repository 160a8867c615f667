-- A task of a lane that a claim starts. `time`: in fair order, the virtual time of its key after the start; `place`: that of
-- its lane. `most`: how many tasks of the key may start. `next_rank`, `next_seq`: the task behind it in its lane, if known.
CREATE TYPE lapinq_pick_2 AS (
    lane text, key text, id uuid, "time" float8, place float8, most integer, next_rank bigint, next_seq bigint
);
