"""A real Prometheus with our rules.

`python -m tests.support.deployment.prometheus URL` asks one that runs for every panel, and ends with 1 where one shows
nothing.
"""

import json
import math
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from tests.support.deployment import grafana
from tests.support.eventually import eventually

RULES = Path(__file__).parents[3] / "deploy" / "prometheus" / "lapinq.rules.yml"


class Prometheus:
    """One that answers at `url`; as a context manager, its connection is closed at the end."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **params: str) -> Any:
        """The answer of its API."""
        answer = self._client.get(f"/api/v1/{path}", params=params).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, expression: str) -> list[float]:
        """What the expression is now, of each series; numbers only."""
        found = [float(each["value"][1]) for each in self.get("query", query=expression)["result"]]
        return [value for value in found if math.isfinite(value)]

    def alerts(self) -> dict[str, set[str]]:
        """The states of each alert that is pending or fires."""
        states: dict[str, set[str]] = {}
        for alert in self.get("alerts")["alerts"]:
            states.setdefault(alert["labels"]["alertname"], set()).add(alert["state"])
            told = " ".join(alert["annotations"].values())
            assert "<error" not in told, told
            assert "<no value>" not in told, told
        return states

    def without_data(self) -> list[str]:
        """The queries of the dashboard that have no value, everything being chosen."""
        dashboard = json.loads(grafana.DASHBOARD.read_text())
        return [
            f"{panel['title']}: {target['expr']}"
            for panel in dashboard["panels"]
            for target in panel.get("targets", ())
            if not self.values(chosen(target["expr"]))
        ]


def chosen(expression: str) -> str:
    """The expression as Grafana sends it where everything is chosen."""
    return re.sub(r"\$(namespace|job|instance|queue)\b", ".*", expression.replace("$__rate_interval", "1m"))


@contextmanager
def prometheus(targets: Mapping[str, str]) -> Generator[Prometheus]:
    """One that scrapes `targets`, addresses by job, every second. Alerts fire after a second and ignore their `for`."""
    with tempfile.TemporaryDirectory(prefix="lapinq-prometheus-") as name:
        folder = Path(name)
        rules = re.sub(r"^( +for: ).*", r"\g<1>1s", RULES.read_text(), flags=re.MULTILINE)
        (folder / "rules.yml").write_text(rules)
        (folder / "prometheus.yml").write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
                    "rule_files": ["rules.yml"],
                    "scrape_configs": [
                        {"job_name": job, "static_configs": [{"targets": [target]}]}
                        for job, target in targets.items()
                    ],
                }
            )
        )
        command = [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--web.listen-address=127.0.0.1:0",
        ]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def address() -> str | None:
            text = (folder / "log").read_text()
            assert process.poll() is None, text
            found = re.search(r'msg="Listening on" address=(\S+)', text)
            return found and found[1]

        try:
            with Prometheus(f"http://{eventually(address, 30)}") as made:
                yield made
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    with Prometheus(sys.argv[1]) as asked:
        missing = asked.without_data()
    print("\n".join(missing) or "every panel has data")
    sys.exit(1 if missing else 0)
