"""The version of the package."""

from lapinq_core.domain.version import __version__

__all__ = ["__version__"]
