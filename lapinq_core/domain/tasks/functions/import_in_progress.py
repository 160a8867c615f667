"""Which module lapinq imports in this thread to find tasks. What a script does at its top level would run there too."""

from threading import local


class _Here(local):
    module: str | None = None


here = _Here()
