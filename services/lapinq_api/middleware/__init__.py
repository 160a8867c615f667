"""ASGI middleware, one to a file. `build_app` puts it together, from the outside in."""
