"""The scheduler daemon: fires schedules, delivers webhooks and does the maintenance."""
