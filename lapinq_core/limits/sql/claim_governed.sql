-- Claims from a queue that a policy governs: see the function. Locks what it does.
SELECT claims, state, opens_in, again, mark, lane_mark
  FROM lapinq_claim_governed_2(%(queue)s::text, %(worker)s::uuid, %(token)s::uuid, %(limit)s::integer, %(free)s::integer,
                               %(isolated)s::integer, %(mark_rank)s::bigint, %(mark_seq)s::bigint, %(max_rank)s::bigint,
                               %(first_rank)s::bigint, %(first_place)s::float8, %(first_news)s::bigint,
                               %(lease)s::float8, %(margin)s::float8, %(watched)s::boolean)
