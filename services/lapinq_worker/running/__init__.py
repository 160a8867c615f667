"""Runs what was claimed: finds the function, calls it in a pool, and turns how it ended into an outcome."""
