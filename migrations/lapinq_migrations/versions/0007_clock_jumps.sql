-- A worker that sees the database's clock jump forward puts off the deadlines of what it claimed up to `jumped_at`, by the
-- clock of before, by so many seconds. Columns that may be left out of an INSERT: the release before goes on writing here.
ALTER TABLE lapinq_workers
    ADD COLUMN jumped_at      timestamptz,
    ADD COLUMN jumped_seconds double precision;
