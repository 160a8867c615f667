"""The tests of a module share a database, one after the other. Each starts with an empty one, and commits."""

from tests.support.database.emptied import conn, database, of_module, worker

__all__ = ["conn", "database", "of_module", "worker"]
