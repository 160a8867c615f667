"""Find the broken links of a site with coroutines. A worker runs hundreds of them at the same time."""
