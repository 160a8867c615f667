"""A connection of Django to a database of the tests, without a project."""

import importlib
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from tests.support.drivers.urls import parts_of


@contextmanager
def django_connection(url: str, alias: str = "") -> Generator[Any]:
    """The proxy that leads each thread to its own connection, as `django.db.connection` is for the alias "default"."""
    django: Any = importlib.import_module("django")  # it has no types
    settings: Any = importlib.import_module("django.conf").settings
    connections: Any = importlib.import_module("django.db").connections
    proxy: Any = importlib.import_module("django.utils.connection").ConnectionProxy

    if not settings.configured:
        settings.configure(DATABASES={})
        django.setup()
    parts = parts_of(url)
    alias = alias or uuid.uuid4().hex
    before = connections.settings.get(alias)
    if hasattr(connections._connections, alias):
        del connections[alias]
    connections.settings[alias] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts["database"],
        **{name.upper(): parts[name] for name in ("user", "password", "host", "port")},
        "ATOMIC_REQUESTS": False,
        "AUTOCOMMIT": True,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": {},
        "TIME_ZONE": None,
        "TEST": {},
    }
    try:
        yield proxy(connections, alias)
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]
        if before is not None:
            connections.settings[alias] = before
