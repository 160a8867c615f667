-- The newest webhooks that match the filters that are not null, as the API shows them, each with the number to continue
-- from. Locks nothing. Relies on the indexes of lapinq_webhooks by state, queue, task and id; run it unprepared, so that it
-- is planned with the filters known. Ids are random, so the planner may take those that begin alike for many and look
-- for them from the newest webhook back: the order for three digits and more is one that no index has.
SELECT w.seq,
       (SELECT row_to_json(o)::text
          FROM (SELECT w.id, w.task_id, w.queue_name, w.task_name, w.url, w.status, w.state, w.tries,
                       w.finished_at AS created_at, CASE WHEN w.state = 'pending' THEN w.due_at END AS due_at,
                       w.tried_at, w.answer, w.failure) AS o)
  FROM lapinq_webhooks w
 WHERE (%(state)s::text IS NULL OR w.state = %(state)s::text)
   AND (%(queue)s::text IS NULL OR w.queue_name = %(queue)s::text)
   AND (%(queues)s::text[] IS NULL OR w.queue_name = ANY (%(queues)s::text[]))
   AND (%(task_id)s::uuid IS NULL OR w.task_id = %(task_id)s::uuid)
   AND (%(first)s::uuid IS NULL OR w.id BETWEEN %(first)s::uuid AND %(last)s::uuid)
   AND (%(before)s::bigint IS NULL OR w.seq < %(before)s::bigint)
 ORDER BY CASE WHEN left(%(first)s::uuid::text, 3) = left(%(last)s::uuid::text, 3) THEN w.seq + 0 ELSE w.seq END DESC
 LIMIT %(limit)s::integer
