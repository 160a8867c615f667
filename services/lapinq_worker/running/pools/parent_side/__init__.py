"""Child processes as their worker handles them: starting, calling, watching and ending them."""
