"""Broken links of a site: coroutines, which a worker runs on its event loop, hundreds at once."""
