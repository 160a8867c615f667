-- Whether any fire-and-forget task of the queues (NULL: all) waits, due or not.
-- Locks nothing. Relies on the primary key of lapinq_transient.
SELECT EXISTS (
       SELECT
         FROM lapinq_transient
        WHERE %(queues)s::text[] IS NULL
           OR queue_name = ANY (%(queues)s::text[]))
