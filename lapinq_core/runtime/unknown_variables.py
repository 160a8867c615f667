"""Warns of variables that look like settings and are none, mostly for a typing error. Nothing reads them."""

import logging
import re
from collections.abc import Mapping

from lapinq_core.domain.nearest import nearest
from lapinq_core.runtime.settings import SECRETS, Settings, variables

log = logging.getLogger(__name__)


def warn_of_unknown_variables(environ: Mapping[str, str]) -> None:
    """Logs a warning for each variable that begins as lapinq's do and is none of them."""
    for name in sorted(environ.keys() - _KNOWN):
        if name.startswith("LAPINQ_") and not _OTHERS.match(name) and not _ADDRESS.match(environ[name]):
            meant = nearest(name, _KNOWN)
            log.warning(
                "the variable %s has no effect: lapinq has no such setting%s",
                name,
                f"; did you mean {meant}?" if meant else "",
            )


_KNOWN = (
    {name for field in Settings.__struct_fields__ for name in variables(field)}
    | {f"{name}_FILE" for field in SECRETS for name in variables(field)}
    | {"LAPINQ_URL"}  # the client's
)
# Those of tests, and those that Kubernetes sets for services whose names begin with lapinq.
_OTHERS = re.compile(r"LAPINQ_(TEST|BENCH)_|LAPINQ_.*_?(SERVICE_HOST$|SERVICE_PORT|PORT_\d+_)")
_ADDRESS = re.compile(r"(tcp|udp|sctp)://")
