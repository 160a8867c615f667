"""Small real programs on lapinq. How to run them is in README.md beside this file."""
