"""The HTTP service: the REST API and the dashboard. It holds no SQL and starts no worker itself."""
