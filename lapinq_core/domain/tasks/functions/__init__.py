"""Functions that tasks name: which modules may be used, and what decorators say about them."""
