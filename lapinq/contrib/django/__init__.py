"""lapinq in a Django project: a backend for `django.tasks`, commands for `manage.py`, a link in the admin.

Put `lapinq.contrib.django` into `INSTALLED_APPS` and `lapinq.contrib.django.LapinqBackend` into `TASKS`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapinq.contrib.django.backend import LapinqBackend
    from lapinq.contrib.django.databases import database_url

__all__ = ["LapinqBackend", "database_url"]


def __getattr__(name: str) -> Any:
    # Django imports this package before it has loaded the apps, perhaps in a version without django.tasks.
    match name:
        case "LapinqBackend":
            from lapinq.contrib.django.backend import LapinqBackend

            return LapinqBackend
        case "database_url":
            from lapinq.contrib.django.databases import database_url

            return database_url
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
