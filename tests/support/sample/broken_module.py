"""A module that fails to import what it needs; for tests of that."""

import no_such_dependency  # pyright: ignore[reportMissingImports, reportUnusedImport]  # noqa: F401
