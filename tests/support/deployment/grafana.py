"""Builds the Grafana dashboard from its panels, as classic JSON: `python -m tests.support.deployment.grafana`."""

import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "deploy" / "grafana"
PANELS = FOLDER / "panels.toml"
DASHBOARD = FOLDER / "lapinq.json"

SCHEMA_VERSION = 42  # of Grafana 12 and 13
COLUMNS = 24
HEIGHTS = {"stat": 4, "timeseries": 8}
WIDTH = 8
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

LABEL_VALUES = 1
"""The kind of question that a variable asks, as the data source for Prometheus numbers them."""

Json = dict[str, Any]

CHOSEN = {
    "@queues": 'namespace=~"$namespace", queue=~"$queue"',
    "@database": 'namespace=~"$namespace"',
    "@process": 'namespace=~"$namespace", job=~"$job", instance=~"$instance"',
}
"""Filters a query by the variables above the panels."""

_JOB = 'namespace=~"$namespace", job=~"$job"'
# Where no process has the label `namespace`, `.*` matches that.
VARIABLES = (
    ("namespace", "Namespace", "label_values(lapinq_build_info, namespace)", ".*"),
    ("job", "Job", 'label_values(lapinq_build_info{namespace=~"$namespace"}, job)', None),
    ("instance", "Instance", f"label_values(lapinq_build_info{{{_JOB}}}, instance)", None),
    ("queue", "Queue", 'label_values(lapinq_tasks{namespace=~"$namespace"}, queue)', ".*"),
)


def text() -> str:
    """The whole dashboard, as in the file."""
    return json.dumps(dashboard(tomllib.loads(PANELS.read_text())), indent=2, ensure_ascii=False) + "\n"


def dashboard(source: Json) -> Json:
    """The dashboard of what `panels.toml` says."""
    return {
        "id": None,
        "uid": "lapinq",
        "title": "lapinq",
        "description": "Queues, latency, workers, database, scheduler and webhooks of lapinq.",
        "tags": ["lapinq"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "links": [
            link("What the metrics mean", f"{source['docs']}/operate/metrics.md"),
            link("What to do about alerts", f"{source['docs']}/operate/alerts.md"),
        ],
        "annotations": {"list": [alerts()]},
        "templating": {"list": [datasource(), *(variable(*each) for each in VARIABLES)]},
        "panels": list(panels(source)),
    }


def link(title: str, url: str) -> Json:
    off = dict.fromkeys(("asDropdown", "includeVars", "keepTime"), False)
    shown: Json = {"type": "link", "title": title, "url": url, "icon": "doc", "tooltip": "", "tags": []}
    return {**shown, **off, "targetBlank": True}


def alerts() -> Json:
    """Marks in every panel while an alert fires."""
    return {
        "name": "Alerts",
        "datasource": SOURCE,
        "enable": False,
        "iconColor": "red",
        "expr": 'ALERTS{alertname=~"Lapinq.*", alertstate="firing", namespace=~"$namespace"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{queue}} {{instance}}",
        "step": "60s",
    }


def datasource() -> Json:
    named = {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"}
    return named | {"regex": "", "refresh": 1, "hide": 0, **_choices(several=False)}


def variable(name: str, label: str, query: str, all_value: str | None) -> Json:
    asked = {"qryType": LABEL_VALUES, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"}
    named = {"type": "query", "name": name, "label": label, "datasource": SOURCE, "definition": query}
    everything = {} if all_value is None else {"allValue": all_value}
    # Asked again whenever the time range changes.
    chosen = {"regex": "", "refresh": 2, "sort": 1, "hide": 0, **_choices(several=True)}
    return {**named, "query": asked, **chosen, **everything}


def _choices(*, several: bool) -> Json:
    """One value, or as many as one likes and at first all."""
    current = {"selected": True, "text": ["All"], "value": ["$__all"]} if several else {}
    return {"includeAll": several, "multi": several, "options": [], "current": current}


def panels(source: Json) -> Iterator[Json]:
    """Rows and panels from left to right, and from top to bottom."""
    number, x, y, height = 0, 0, 0, 0
    for row in source["row"]:
        number, x, y = number + 1, 0, y + height
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
        head = {"id": number, "type": "row", "title": row["title"], "collapsed": False}
        yield head | {"gridPos": place, "panels": []}
        y, height = y + 1, 0
        for described in row["panel"]:
            kind, width = described.get("kind", "timeseries"), described.get("width", WIDTH)
            if x + width > COLUMNS:
                x, y, height = 0, y + height, 0
            number, height = number + 1, max(height, HEIGHTS[kind])
            place = {"h": HEIGHTS[kind], "w": width, "x": x, "y": y}
            yield panel(number, kind, described, place, source["docs"])
            x += width


def panel(number: int, kind: str, described: Json, place: Mapping[str, int], docs: str) -> Json:
    return {
        "id": number,
        "type": kind,
        "title": described["title"],
        "description": described["description"],
        "datasource": SOURCE,
        "gridPos": place,
        "links": [{"title": "Documentation", "url": f"{docs}/{described['doc']}", "targetBlank": True}],
        "fieldConfig": {"defaults": field(kind, described), "overrides": []},
        "options": OPTIONS[kind],
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": SOURCE,
                "editorMode": "code",
                "expr": filled(query),
                "legendFormat": legend,
                "range": True,
            }
            for place, (legend, query) in enumerate(described["queries"].items())
        ],
    }


def filled(query: str) -> str:
    """The query with the filters in place of `@…`."""
    for word, matchers in CHOSEN.items():
        query = query.replace(word, matchers)
    return query


def field(kind: str, described: Json) -> Json:
    steps: list[Json] = [{"color": "red" if "green_from" in described else "green", "value": None}]
    bounds = {colour: described.get(f"{colour}_from") for colour in ("red", "green")}
    steps += [{"color": colour, "value": bound} for colour, bound in bounds.items() if bound is not None]
    made: Json = {
        "unit": described["unit"],
        "min": 0,
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "thresholds" if kind == "stat" else "palette-classic"},
    }
    if described["unit"] == "bool_on_off":
        made["max"] = 1
    if "empty" in described:
        made["noValue"] = described["empty"]
    return made if kind == "stat" else {**made, "custom": lines(described)}


def lines(described: Json) -> Json:
    """How a panel over time is drawn."""
    stack = described.get("stack", False)
    return {
        "drawStyle": "line",
        "lineInterpolation": "stepAfter" if described["unit"] == "bool_on_off" else "linear",
        "lineWidth": 1,
        "fillOpacity": 30 if stack else 0,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if stack else "none"},
        "thresholdsStyle": {"mode": "line" if "red_from" in described else "off"},
    }


OPTIONS: Mapping[str, Json] = {
    "stat": {
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "auto",
    },
    "timeseries": {
        "legend": {
            "calcs": ["lastNotNull", "max"],
            "displayMode": "list",
            "placement": "bottom",
            "showLegend": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
}


if __name__ == "__main__":
    sys.stdout.write(text())
