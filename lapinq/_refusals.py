"""Telling of refused requests: work not taken must leave a trace even where nobody looks at the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapinq._requests import refusal

if TYPE_CHECKING:
    import httpx


def log_refusal(response: httpx.Response, what: str) -> None:
    """A warning by the logger `lapinq` when the answer is not a success."""
    error = refusal(response, what)
    if error is not None:
        import logging

        logging.getLogger("lapinq").warning("%s", error)
