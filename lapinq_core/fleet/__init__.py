"""Workers as the cluster sees them: registration, heartbeats, and what operators request of them."""
