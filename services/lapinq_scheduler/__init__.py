"""The scheduler daemon: sees to what is due, and to what nobody else would do while no worker runs."""
