"""The settings of the shop, with more backends."""

# ruff: noqa: F403, F405  # as settings extend others
import django

from shop.settings import *

_TASKS = "django.tasks" if django.VERSION >= (6,) else "django_tasks"

DATABASES["files"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
TASKS["strict"] = {"BACKEND": "lapinq.contrib.django.LapinqBackend", "OPTIONS": {"max_retries": 0}}
TASKS["dummy"] = {"BACKEND": f"{_TASKS}.backends.dummy.DummyBackend"}
LOGGING = {"version": 1}  # disables the loggers that exist already
