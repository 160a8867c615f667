"""The webhooks of ended tasks and their deliveries."""
