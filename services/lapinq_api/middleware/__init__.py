"""What requests pass through, from the outside in: request id, access log, failures, rate limit, authentication."""
