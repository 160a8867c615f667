"""Maintenance: promotion, expiry, partitions, rescue, vacuum, retention, and the loops that run them."""
