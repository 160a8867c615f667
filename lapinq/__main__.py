"""`python -m lapinq`."""

from lapinq.cli import main

main()
