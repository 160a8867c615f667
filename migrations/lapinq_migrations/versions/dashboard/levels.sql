-- How many tasks of a queue were ready and running at sampled_at, a sample for each span of seconds that begins at since.
-- Queue '' is all of them. ready is NULL where too many tasks were delayed to be counted. The process on duty samples
-- and prunes.
CREATE TABLE lapinq_levels (
    span       integer NOT NULL,
    since      timestamptz NOT NULL,
    queue_name text NOT NULL,
    sampled_at timestamptz NOT NULL,
    ready      bigint,
    running    bigint NOT NULL,
    PRIMARY KEY (span, since, queue_name)
);
