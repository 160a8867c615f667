-- The isolation level that new sessions of this role have before lapinq sets its own. Locks nothing.
SELECT reset_val
  FROM pg_settings
 WHERE name = 'default_transaction_isolation'
