"""The middleware that comes with lapinq, one to a module: `logging`, `opentelemetry`, `sentry`."""
