"""Metrics for Prometheus, and the server that answers scrapes and probes of workers and schedulers."""
