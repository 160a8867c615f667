-- Whether there are webhooks, sent or pending. Locks nothing.
SELECT EXISTS (SELECT FROM lapinq_webhooks)
