"""Where functions run: coroutines on the event loop, plain functions in child processes or threads."""
