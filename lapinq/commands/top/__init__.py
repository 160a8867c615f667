"""`lapinq top`: what happens now, on a terminal that is redrawn and takes keys, or as one picture."""
