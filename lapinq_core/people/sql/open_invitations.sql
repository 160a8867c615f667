-- The one-time links that still work: whose, for what, and until when. Locks nothing. Reads lapinq_invitations whole, which
-- has a row a user at most.
SELECT user_id, purpose, expires_at
  FROM lapinq_invitations
 WHERE used_at IS NULL
   AND expires_at > lapinq_now()
