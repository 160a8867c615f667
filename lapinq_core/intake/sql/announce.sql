-- Notifies within the transaction of new tasks, for callers that can't do so after the commit.
-- Takes a JSON array of objects with a channel and a payload.
-- Locks nothing here. The commit takes the lock that all commits with notifications of the database share.
SELECT pg_notify(n.channel, n.payload)
  FROM json_to_recordset(%(notices)s::json) AS n (channel text, payload text)
