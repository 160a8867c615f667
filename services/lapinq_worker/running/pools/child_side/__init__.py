"""What runs inside a child process, and the messages and memory that it shares with its worker."""
