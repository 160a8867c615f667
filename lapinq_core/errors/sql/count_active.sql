-- How many groups of errors are open or regressed. Locks nothing. Relies on lapinq_error_groups_state.
SELECT count(*)
  FROM lapinq_error_groups
 WHERE state IN ('open', 'regressed')
    OR state = 'muted' AND muted_until <= lapinq_now()
