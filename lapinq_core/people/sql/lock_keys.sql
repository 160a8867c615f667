-- Lets one transaction at a time add keys, so that their number can be counted. Locks the table against writes, not
-- against reads.
LOCK TABLE lapinq_api_keys IN SHARE ROW EXCLUSIVE MODE
