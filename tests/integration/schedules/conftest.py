"""The tests of a module that need a database of their own share one, one after the other."""

from tests.support.database.emptied import database, of_module

__all__ = ["database", "of_module"]
