"""The real programs as processes, and the packages they come in."""
