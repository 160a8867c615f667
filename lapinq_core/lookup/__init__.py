"""What people and programs ask about tasks: search, failures, waiting times, one task in detail."""
