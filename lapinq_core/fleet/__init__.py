"""Workers as the cluster sees them: registration, heartbeats, and what operators ask of them."""
