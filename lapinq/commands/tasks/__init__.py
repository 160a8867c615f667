"""`lapinq task`: lists, shows, enqueues, waits for and changes tasks."""
