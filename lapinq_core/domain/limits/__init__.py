"""What limits starts: rates, and the policy of a queue."""
