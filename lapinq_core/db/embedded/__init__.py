"""A PostgreSQL server for development, started from installed programs. See `database.py`."""

from lapinq_core.db.embedded.binaries import find_psql
from lapinq_core.db.embedded.database import EmbeddedDatabase
from lapinq_core.db.embedded.errors import EmbeddedError, NoBinaries, StillInUse
from lapinq_core.db.embedded.lease import Lease
from lapinq_core.db.embedded.locks import Holder
from lapinq_core.db.embedded.status import Status

__all__ = [
    "EmbeddedDatabase",
    "EmbeddedError",
    "Holder",
    "Lease",
    "NoBinaries",
    "Status",
    "StillInUse",
    "find_psql",
]
