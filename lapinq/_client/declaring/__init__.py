"""What a decorator records about a function: its names, its options, its retries, its schedules."""
