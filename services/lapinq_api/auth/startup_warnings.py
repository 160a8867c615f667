"""Warnings at the start about settings that leave the server open."""

import logging

from lapinq_core.doctor.access import check_open_api
from lapinq_core.doctor.finding import Severity
from lapinq_core.runtime.settings import Settings

log = logging.getLogger(__name__)


def warn_of_risky_settings(settings: Settings) -> None:
    """Logs a warning for each risky setting, and names the setting that fixes it."""
    for finding in check_open_api(settings):
        if finding.severity in {Severity.WARNING, Severity.ERROR}:
            log.warning("%s. %s", finding.message, finding.remedy)
    if settings.api_key is not None and not settings.allowed_modules:
        log.warning(
            "a caller with the API key can make workers call any function they can import:"
            " set LAPINQ_ALLOWED_MODULES"
        )
