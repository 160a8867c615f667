-- For claim.sql, without the lock: "governed" if a policy governs the starts of the queue, or there is news of a lane. The plan
-- of each plain claim has it, so it asks for no more; may_start.sql does.
-- Locks nothing. Relies on primary keys.
(SELECT '"governed"'
             WHERE EXISTS (SELECT FROM lapinq_queues WHERE name = %(queue)s::text AND is_governed AND paused_at IS NULL)
                OR EXISTS (SELECT FROM lapinq_lane_news WHERE queue_name = %(queue)s::text))
