"""Middleware that comes with lapinq, each in a module of its own: `logging`, `opentelemetry`, `sentry`."""
