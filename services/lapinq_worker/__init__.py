"""The worker daemon: claims tasks, runs them, settles their outcomes, rescues what dead workers left."""
