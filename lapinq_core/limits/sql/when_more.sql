-- For claim.sql, after charge_governed.sql: whether it is worth looking again immediately, and in how many seconds something
-- may start that now waits for a rate or a closed limit (NULL: nothing does); and the rank and seq of the last task it took that
-- is in no lane. Locks nothing.
(SELECT count(*) > 0 FROM shut) OR EXISTS (SELECT FROM lapinq_lane_news WHERE queue_name = %(queue)s::text),
       (SELECT min(seconds)
          FROM (SELECT (1 - q.tokens + (SELECT count(*) FROM taken)) * (q.rate ->> 'period_seconds')::float8
                       / (q.rate ->> 'limit')::float8 AS seconds
                  FROM q
                UNION ALL
                SELECT extract(epoch FROM min(opens_at) - lapinq_now())::float8
                  FROM lapinq_lanes
                 WHERE queue_name = %(queue)s::text
                   AND opens_at IS NOT NULL
                UNION ALL
                SELECT nullif(closed_for, 0) FROM limits
                UNION ALL
                SELECT (1 - tokens) * (rate ->> 'period_seconds')::float8 / (rate ->> 'limit')::float8
                  FROM limits
                 WHERE tokens < 1
                UNION ALL
                SELECT (units - tokens) * (rate ->> 'period_seconds')::float8 / (rate ->> 'limit')::float8
                  FROM needs
                 WHERE turn = stop{breaker}) AS next
         WHERE seconds > 0),
       (SELECT ARRAY[rank, seq] FROM taken WHERE lane IS NULL ORDER BY rank DESC, seq DESC LIMIT 1)
