"""What all requests of one application share."""

import asyncio
import secrets

import msgspec

from lapinq_api.batching.changes import Changes
from lapinq_api.batching.long_windows import LongWindows
from lapinq_api.batching.shared_figure import SharedFigure
from lapinq_api.credentials.default_password import DefaultPassword
from lapinq_api.credentials.key_cache import KeyCache
from lapinq_api.credentials.key_throttle import KeyThrottle
from lapinq_api.credentials.passwords import Passwords
from lapinq_api.credentials.payloads import Payloads
from lapinq_api.credentials.refusal_limits import RefusalLimits
from lapinq_api.metrics.counters import Counters
from lapinq_api.metrics.gauges import Gauges
from lapinq_api.metrics.scrapes import Scrapes
from lapinq_api.overload.admission import Admission
from lapinq_api.overload.database import Database
from lapinq_api.overload.examinations import Examinations
from lapinq_api.overload.fair_share import FairShare
from lapinq_core.batching import waiting
from lapinq_core.batching.enqueue_batcher import EnqueueBatcher
from lapinq_core.batching.waiting import ResultWaits
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.db.notify.listener import Listener
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.runtime.settings import Settings

MAX_WALKS = 3
"""Bulk deletions and requeues at the same time."""
MAX_PREVIEWS = 4
"""Schedule previews at the same time. They share the threads with other work."""
BADGE_SECONDS = 5.0
"""For how long the numbers in the navigation stay."""
MAX_VIEWERS = 500
"""Live connections at the same time."""
MAX_UNAUTHENTICATED = 200
"""Sockets that have not authenticated yet."""
MAX_PAGE_QUERIES = 2
"""Queries of live pages at the same time. Other requests need the connections, too."""


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """What exists while the lifespan lasts. `listener` accepts subscribers until it runs."""

    database: Database
    enqueue_batcher: EnqueueBatcher
    notifier: Notifier
    watched: Notifier
    listener: Listener
    waiting: ResultWaits
    keys: KeyCache
    gauges: Gauges
    changes: Changes
    acts: Changes
    acted: Notifier
    access_changes: Changes
    default_password: DefaultPassword
    page_queries: asyncio.Semaphore


class State:
    """Created with the application. The lifespan opens and closes the connected part."""

    def __init__(
        self,
        settings: Settings,
        *,
        url: str | None = None,
        shares_port: bool = False,
        has_random_secret: bool = False,
    ) -> None:
        """`url` is where our own server listens, None under another one. With `shares_port` `/metrics` shows what is
        the same in all processes: the figures of the database.

        `has_random_secret`: the session secret in the settings is one that the parent made for its processes.
        """
        self.settings = settings
        self.url = url
        self.counters = Counters()
        self.metrics = Metrics()
        self.metrics.show(self.counters)
        self.scrapes = Scrapes(Metrics(of_process=False) if shares_port else self.metrics)
        share = settings.caller_share
        self.admission = Admission(caller_share=share)
        self.walks = FairShare(MAX_WALKS, "bulk requests are running", share)
        self.previews = FairShare(MAX_PREVIEWS, "previews are computed", share)
        self.waits = FairShare(waiting.MAX_WAITING, "requests wait for results", share)
        self.viewers = FairShare(MAX_VIEWERS, "live pages are open", share)
        self.unauthenticated = FairShare(MAX_UNAUTHENTICATED, "sockets have not authenticated", share)
        self.examinations = Examinations(settings)
        self.passwords = Passwords()
        self.key_throttle = KeyThrottle()
        self.refusals = RefusalLimits()
        self.open_errors = SharedFigure[dict[str, int]](BADGE_SECONDS)
        """How many groups of errors are open or regressed."""
        self.open_waits = SharedFigure[dict[str, int]](BADGE_SECONDS)
        """How many tasks wait for a signal."""
        self.long_windows = LongWindows()
        self.payloads = Payloads(settings.redact)
        self.session_secret = (settings.session_secret or secrets.token_hex(32)).encode()
        """The key with which session tokens are hashed."""
        self.has_random_secret = has_random_secret or not settings.session_secret
        """Whether a restart of the server makes another session secret, and so ends all sessions."""
        self.default_login: str | None = None
        """A user who had the default password when the lifespan began."""
        self.stopping = asyncio.Event()
        """Set when the application is about to stop, to end what only waits. Each lifespan makes a new one."""
        self.bulk_started = asyncio.Event()
        """Wakes what works on bulk actions. Each lifespan makes a new one."""
        self._connected: Connected | None = None

    def connect(self, connected: Connected) -> None:
        self._connected = connected

    def disconnect(self) -> None:
        self._connected = None

    @property
    def is_connected(self) -> bool:
        """Whether the application's lifespan runs."""
        return self._connected is not None

    @property
    def database(self) -> Database:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().database

    @property
    def enqueue_batcher(self) -> EnqueueBatcher:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().enqueue_batcher

    @property
    def notifier(self) -> Notifier:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().notifier

    @property
    def watched(self) -> Notifier:
        """For the ids of running tasks that somebody looks at. Raises as `notifier` does."""
        return self._open().watched

    @property
    def waiting(self) -> ResultWaits:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().waiting

    @property
    def gauges(self) -> Gauges:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().gauges

    @property
    def keys(self) -> KeyCache:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().keys

    @property
    def changes(self) -> Changes:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().changes

    @property
    def acts(self) -> Changes:
        """Changes that users made, here or with another server. Raises as `changes` does."""
        return self._open().acts

    def on_act(self) -> None:
        """What somebody did in the dashboard changed something: wakes all live pages, also those of other servers."""
        self.long_windows.forget_brief()
        if self._connected is not None:
            self._connected.acted.wake([""])

    @property
    def access_changes(self) -> Changes:
        """Changes of users, sessions and keys. Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().access_changes

    @property
    def default_password(self) -> DefaultPassword:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().default_password

    @property
    def page_queries(self) -> asyncio.Semaphore:
        """Held during a live page's query. Raises as `changes` does."""
        return self._open().page_queries

    def _open(self) -> Connected:
        if self._connected is None:
            raise DatabaseUnavailable("the application is not running: start its lifespan first")
        return self._connected
