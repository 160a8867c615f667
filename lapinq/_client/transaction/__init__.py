"""`using`: enqueueing in the caller's transaction, on the caller's connection, with any of the drivers."""
