"""Workflows: graphs of tasks. `docs/decisions/0042-workflows.md` tells how they are stored and go on."""
