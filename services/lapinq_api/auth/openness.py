"""What a server says at its start where its settings leave open what they could close."""

import logging

from lapinq_core.domain.host_names import is_loopback
from lapinq_core.runtime.settings import Settings

SHORTEST_KEY = 20
"""Characters of the key of the settings; a shorter one is warned of."""

log = logging.getLogger(__name__)


def warn_of_openness(settings: Settings) -> None:
    """Logs a warning for each of them, which names the setting."""
    if settings.is_open and not is_loopback(settings.host):
        log.warning(
            "the API is open to everybody who can reach %s, and enqueueing runs code on the workers:"
            " set LAPINQ_API_KEY or LAPINQ_REQUIRE_AUTH",
            settings.host or "this machine",
        )
    if settings.api_key is not None and not settings.allowed_modules:
        log.warning(
            "a caller with the API key can make workers call any function they can import:"
            " set LAPINQ_ALLOWED_MODULES"
        )
    if settings.api_key is not None and len(settings.api_key) < SHORTEST_KEY:
        log.warning(
            "LAPINQ_API_KEY is short, and guessing it gives full access: use a long one (openssl rand -hex 32)"
        )
    if settings.redact and settings.is_open:
        log.warning(
            "LAPINQ_REDACT hides nothing from who calls the API without logging in: it is open to anybody"
        )
