"""What is optional is imported when it is used, and says what to install when it is not there."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "kind", "library", "extra"),
    [
        ("opentelemetry", "OpenTelemetry", "opentelemetry", "otel"),
        ("sentry", "Sentry", "sentry_sdk", "sentry"),
    ],
)
def test_a_missing_library_is_told_with_the_extra_that_brings_it(
    module: str, kind: str, library: str, extra: str
) -> None:
    program = (
        f"import sys; from lapinq.middleware.{module} import {kind}\n"
        f"assert {library!r} not in sys.modules\n"
        f"sys.modules[{library!r}] = None\n"
        f"try: {kind}()\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"pip install 'lapinq[{extra}]'" in done.stdout
