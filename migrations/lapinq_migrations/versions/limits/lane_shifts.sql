-- In fair order, by set of limits that open lanes of the queue take from: how much later than their places those lanes start.
-- Claims write it under the lock of the row. A set that no limit ever held back is not in it.
ALTER TABLE lapinq_queues ADD COLUMN lane_shifts jsonb;
