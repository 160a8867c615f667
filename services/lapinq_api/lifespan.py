"""What runs beside the requests, from the start of the application to its end.

The start waits for the first attempt to reach the database and to see its schema. When that fails the application
starts all the same, answers 503, and goes on trying. Companions (a worker or a scheduler in this process) start once
the schema is there; one that fails later is started anew.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette

from lapinq_api.database import Database
from lapinq_api.intake import Intake
from lapinq_api.state import State
from lapinq_core.db.notifier import Notifier
from lapinq_core.db.startup import prepare_schema
from lapinq_core.domain.errors import LapinqError
from lapinq_core.runtime.loops import pause_for

Companion = Callable[[], AbstractAsyncContextManager[object]]

FIRST_ATTEMPT_SECONDS = 15.0
FIRST_PAUSE_SECONDS = 0.2
LAST_PAUSE_SECONDS = 2.0
RESTART_SECONDS = 3.0

log = logging.getLogger(__name__)
