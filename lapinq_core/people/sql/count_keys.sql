-- How many keys there are. Locks nothing.
SELECT count(*) FROM lapinq_api_keys
