"""Calls over HTTP: requests, pooled connections, a limit on long polls."""
