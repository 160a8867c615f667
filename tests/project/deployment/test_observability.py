"""The dashboard for Grafana and the alerts name metrics and labels that there are, and say what to do."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from lapinq_core.monitoring import catalogue
from lapinq_core.monitoring.metrics import Metrics
from tests.project.docs.test_docs import DOCS, ROOT, anchors, section
from tests.support.deployment import grafana
from tests.support.deployment.promql import grouped, selectors
from tests.support.deployment.scraping import Scraped

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "lapinq.rules.yml"
UNIT_TESTS = PROMETHEUS / "lapinq.rules.test.yml"
PAGE = DOCS / "operate" / "alerts.md"
DOCS_URL = "https://github.com/lapinq/lapinq/blob/main/docs"

TARGET_LABELS = {"namespace", "job", "instance"}
"""Set by Prometheus."""
OF_PROMETHEUS = {"up": set[str](), "ALERTS": {"alertname", "alertstate", "severity"}}
UNITS = {"short", "s", "ops", "reqps", "percentunit", "bytes", "bool_on_off"}
"""Of Grafana, that we use."""
PARTS = ("Users notice", "Look", "Do")

Json = dict[str, Any]


# What they are made of

GROUPS: list[Json] = yaml.safe_load(RULES.read_text())["groups"]
ALERTS: dict[str, Json] = {
    rule["alert"]: rule for each in GROUPS for rule in each["rules"] if "alert" in rule
}
RECORDED: dict[str, str] = {
    rule["record"]: rule["expr"] for each in GROUPS for rule in each["rules"] if "record" in rule
}
TESTS: list[Json] = yaml.safe_load(UNIT_TESTS.read_text())["tests"]
DASHBOARD: Json = json.loads(grafana.DASHBOARD.read_text())
PANELS: dict[str, Json] = {panel["title"]: panel for panel in DASHBOARD["panels"] if panel["type"] != "row"}


def in_docs(page: Path) -> list[str]:
    """The questions on a page, each a block or a line of one."""
    blocks = re.findall(r"```promql\n(.*?)```", page.read_text(), re.DOTALL)
    parts = [re.sub(r"#.*", "", block).split("\n\n") for block in blocks]
    return [
        line
        for part in parts
        for whole in part
        for line in ([whole] if "\n  /" in whole else whole.splitlines())
        if line.strip()
    ]


EXPRESSIONS: dict[str, str] = {
    **{f"alert {name}": rule["expr"] for name, rule in ALERTS.items()},
    **{f"rule {name}": expression for name, expression in RECORDED.items()},
    **{
        f"panel {title} {target['refId']}": target["expr"]
        for title, panel in PANELS.items()
        for target in panel["targets"]
    },
    **{
        f"{page.name} {number}": line
        for page in (PAGE, DOCS / "operate" / "metrics.md")
        for number, line in enumerate(in_docs(page))
    },
}


@cache
def known() -> dict[str, tuple[str, set[str]]]:
    """Kind and labels of every series that can be asked for, by name."""
    found = {name: ("gauge", labels) for name, labels in OF_PROMETHEUS.items()}
    for each in catalogue.EVERY:
        labels = set(each.labels)
        if each.kind == "histogram":
            found[f"{each.name}_bucket"] = ("counter", labels | {"le"})
            found[f"{each.name}_count"] = found[f"{each.name}_sum"] = ("counter", labels)
        else:
            found[each.name] = (each.kind, labels)
    # What every process shows without our doing, as it really does.
    for name, kind in Scraped(Metrics().text()[0].decode()).families.items():
        found.setdefault(name, (kind, set[str]()))
    for name, expression in RECORDED.items():
        found[name] = ("gauge", grouped(expression))
    return found


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_every_metric_and_label_exists(where: str) -> None:
    expression = EXPRESSIONS[where]
    named = list(selectors(expression))
    assert named
    labels = set(TARGET_LABELS)
    for each in named:
        assert each.metric in known(), each.metric
        kind, own = known()[each.metric]
        assert set(each.matchers) <= own | TARGET_LABELS, each
        is_counted = each.function in {"rate", "increase", "resets"}
        assert is_counted == (kind == "counter"), each
        labels |= own
    assert grouped(expression) <= labels


def test_every_metric_of_the_catalogue_is_shown_somewhere() -> None:
    shown = {each.metric for expression in EXPRESSIONS.values() for each in selectors(expression)}
    bare = {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown} | shown
    assert {each.name for each in catalogue.EVERY} - bare == set()


# Alerts


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_leads_to_its_section_and_has_the_labels_that_it_names(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    told = rule["annotations"]
    assert set(told) == {"summary", "description", "runbook_url"}
    assert told["runbook_url"] == f"{DOCS_URL}/operate/alerts.md#{name.lower()}"
    text = section(PAGE.read_text(), name)
    assert [part for part in PARTS if f"**{part}**" not in text] == []
    assert f"(#{name.lower()})" in PAGE.read_text().partition("## Setting them up")[0]

    named = set(re.findall(r"\$labels\.(\w+)", " ".join(told.values())))
    by = re.search(r"\b(?:by|without) \(([^)]*)\)", rule["expr"])
    first = next(selectors(rule["expr"])).metric
    is_recorded = first in RECORDED and not re.match(r"max by", rule["expr"])
    is_added_up = " by " in rule["expr"].partition(first)[0]
    kept = known()[first][1] | TARGET_LABELS
    if by and by[0].startswith("by") and not is_recorded and is_added_up:
        kept = {label.strip() for label in by[1].split(",")}
    assert named <= kept


def test_there_is_no_section_without_an_alert() -> None:
    assert re.findall(r"^### (.+)$", PAGE.read_text(), re.MULTILINE) == list(ALERTS)


def test_every_alert_is_tested_to_fire_alone_and_not_to_fire_with_series_that_there_are() -> None:
    fires: dict[str, set[bool]] = {name: set() for name in ALERTS}
    for each in TESTS:
        for expected in each["promql_expr_test"]:
            [asked] = selectors(expected["expr"])
            assert asked.metric == "ALERTS"
            names = [name for name in ALERTS if re.fullmatch(asked.matchers["alertname"], name)]
            assert names, expected
            total = sum(sample["value"] for sample in expected["exp_samples"])
            assert len(names) == 1 or total in {0, len(names)}, expected
            for name in names:
                fires[name].add(bool(expected["exp_samples"]))
        for series in each["input_series"]:
            [asked] = selectors(series["series"])
            assert set(asked.matchers) <= known()[asked.metric][1] | TARGET_LABELS, series
    assert fires == {name: {True, False} for name in ALERTS}


def test_the_jobs_of_the_documentation_are_those_of_the_alerts() -> None:
    pages = PAGE.read_text() + (DOCS / "operate" / "metrics.md").read_text()
    jobs = re.findall(r"job_name: (\S+)", pages)
    named = [each for rule in ALERTS.values() for each in selectors(rule["expr"])]
    patterns = {each.matchers["job"] for each in named if "job" in each.matchers}
    assert jobs
    assert all(re.fullmatch(pattern, job) for job in jobs for pattern in patterns)


# The dashboard


def test_the_dashboard_is_what_the_panels_say() -> None:
    assert grafana.DASHBOARD.read_text() == grafana.text(), "./scripts/grafana writes it anew"


@pytest.mark.parametrize("title", PANELS)
def test_a_panel_says_what_to_do_and_its_legend_names_labels_that_its_query_leaves(title: str) -> None:
    panel = PANELS[title]
    assert len(panel["description"]) > 40
    assert panel["description"].endswith((".", "?"))
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    [link] = panel["links"]
    page, _, anchor = link["url"].removeprefix(f"{DOCS_URL}/").partition("#")
    assert (DOCS / page).exists(), link
    assert not anchor or anchor in anchors(DOCS / page), link
    for target in panel["targets"]:
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        asked = list(selectors(target["expr"]))
        assert named <= (grouped(target["expr"]) or TARGET_LABELS | known()[asked[0].metric][1])
        for each in asked:
            assert "namespace" in each.matchers, each
            assert "queue" in each.matchers or "queue" not in named, each


def test_what_every_api_shows_is_not_added_up() -> None:
    of_the_database = {
        catalogue.TASKS.name,
        catalogue.OLDEST_READY.name,
        catalogue.PAUSED.name,
        catalogue.OVERDUE.name,
        catalogue.WEBHOOKS_OVERDUE.name,
        catalogue.SCHEDULES_OVERDUE.name,
    }
    for where, expression in EXPRESSIONS.items():
        bare = re.sub(r" by \([^)]*\)", "", expression)
        for each in selectors(bare):
            is_compared = re.search(rf"(unless|and) on \([^)]*\) {each.metric}", bare)
            if each.metric in of_the_database and not is_compared:
                assert each.function == "max", where


def test_panels_neither_overlap_nor_leave_the_page() -> None:
    taken = set[tuple[int, int]]()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= grafana.COLUMNS
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert numbers == sorted(set(numbers))


def test_nothing_in_it_is_of_one_installation() -> None:
    text = grafana.DASHBOARD.read_text()
    assert DASHBOARD["id"] is None
    assert set(re.findall(r'"uid": "([^"]*)"', text)) == {"lapinq", "${datasource}"}
    assert not re.search(r"localhost|127\.0\.0\.1|__inputs|\"options\": \[[^\]]", text)
    names = [variable["name"] for variable in DASHBOARD["templating"]["list"]]
    assert names == ["datasource", "namespace", "job", "instance", "queue"]
    used = set(re.findall(r"\$\{?([a-z]\w*)", text))
    assert used == set(names)


# With the tools of Prometheus, where they are


@pytest.mark.skipif(shutil.which("promtool") is None, reason="takes Debian's package promtool")
def test_promtool_finds_the_rules_right_and_can_read_every_question(tmp_path: Path) -> None:
    rules = [
        {"record": f"question:{number}", "expr": re.sub(r"\$\w+", "5m", expression)}
        for number, expression in enumerate(EXPRESSIONS.values())
    ]
    questions = tmp_path / "questions.yml"
    questions.write_text(json.dumps({"groups": [{"name": "questions", "rules": rules}]}))
    for arguments in (("check", RULES), ("test", UNIT_TESTS), ("check", questions)):
        command = ["promtool", arguments[0], "rules", str(arguments[1])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
