-- Whether the server is a standby, and whether new sessions of this role are read-only. Locks nothing.
SELECT pg_is_in_recovery(),
       reset_val = 'on'
  FROM pg_settings
 WHERE name = 'default_transaction_read_only'
