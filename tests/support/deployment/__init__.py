"""Manifests, metrics, rules and dashboards of deployments."""
