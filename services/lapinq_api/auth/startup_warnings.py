"""Warnings at the start about settings that leave the server open."""

import logging

from lapinq_core.doctor.access import MIN_KEY
from lapinq_core.domain.host_names import is_loopback
from lapinq_core.runtime.settings import Settings

log = logging.getLogger(__name__)


def warn_of_risky_settings(settings: Settings) -> None:
    """Logs a warning for each risky setting, and names the setting that fixes it."""
    if settings.is_open and not is_loopback(settings.host):
        log.warning(
            "the API is open to everyone who can reach %s, and enqueueing runs code on the workers: set"
            " LAPINQ_API_KEY or LAPINQ_REQUIRE_AUTH",
            settings.host or "this machine",
        )
    if settings.api_key is not None and not settings.allowed_modules:
        log.warning(
            "a caller with the API key can make workers call any function they can import:"
            " set LAPINQ_ALLOWED_MODULES"
        )
    if settings.api_key is not None and len(settings.api_key) < MIN_KEY:
        log.warning(
            "LAPINQ_API_KEY is short, and guessing it gives full access: use a long one (openssl rand -hex 32)"
        )
    if settings.redact and settings.is_open:
        log.warning(
            "LAPINQ_REDACT has no effect for callers who don't log in, because the API is open to everyone"
        )
