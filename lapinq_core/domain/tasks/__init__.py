"""Tasks: their states, what an attempt ends with, and what follows from that."""
