"""Maintenance: promotion, expiry, partitions, rescue, retention, and the loops that run them."""
