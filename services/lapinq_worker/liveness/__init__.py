"""Whether this worker and others are alive: heartbeats, leases, cancellation, rescue, and blocked event loops."""
