"""Settings from the environment and from flags."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from lapinq_core.runtime.settings import (
    GUARDS,
    SECRETS,
    EmptySetting,
    Settings,
    SettingsError,
    load_settings,
    parse_setting,
    variable,
)

DEFAULTS: dict[str, Any] = msgspec.structs.asdict(Settings())

# For every setting a text of the environment and what it means.
TEXTS: dict[str, tuple[str, object]] = {
    "database_url": ("postgresql://db/app", "postgresql://db/app"),
    "listen_database_url": ("postgresql://db:5433/app", "postgresql://db:5433/app"),
    "data_dir": ("/srv/lapinq", Path("/srv/lapinq")),
    "pg_bin": ("/usr/lib/postgresql/16/bin", Path("/usr/lib/postgresql/16/bin")),
    "pool_size": ("25", 25),
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("0", 0),
    "api_processes": ("4", 4),
    "api_key": ("k", "k"),
    "session_secret": ("s", "s"),
    "admin_username": ("ada", "ada"),
    "admin_password": ("correct horse", "correct horse"),
    "require_auth": ("yes", True),
    "read_only": ("on", True),
    "redact": ("password, *token*", ("password", "*token*")),
    "cors_origins": ("https://a.example, http://b:3000", ("https://a.example", "http://b:3000")),
    "trusted_proxies": ("10.0.0.0/8,::1", ("10.0.0.0/8", "::1")),
    "hsts": ("Subdomains", "subdomains"),
    "rate_limit": ("600", 600),
    "caller_share": ("0.5", 0.5),
    "max_unread_size": ("64M", 64 * 1024 * 1024),
    "max_payload_size": ("2048", 2048),
    "max_batch_payload_size": ("4096", 4096),
    "allowed_hosts": ("tasks.example.org, lapinq", ("tasks.example.org", "lapinq")),
    "allowed_modules": ("app.*, jobs ,", ("app.*", "jobs")),
    "worker": ("yes", True),
    "worker_concurrency": ("32", 32),
    "worker_poll_interval": ("0.5", 0.5),
    "worker_timeout": ("3600", 3600.0),
    "time_limit_grace": ("0", 0.0),
    "cancel_grace": ("2.5", 2.5),
    "worker_pool": ("threads", "threads"),
    "worker_max_memory": ("512M", 512 * 1024 * 1024),
    "worker_max_tasks_per_child": ("1000", 1000),
    "worker_middleware": ("app.tracing:Tracing, app.log:lines", ("app.tracing:Tracing", "app.log:lines")),
    "worker_strict_order": ("on", True),
    "worker_task_log": ("off", False),
    "worker_rates": ("off", False),
    "worker_queues": ("video=3,mail", ("video=3", "mail")),
    "worker_imports": ("app.tasks", ("app.tasks",)),
    "worker_name": ("blue", "blue"),
    "worker_release": ("2.4.1", "2.4.1"),
    "heartbeat_interval": ("1", 1.0),
    "lease_seconds": ("60", 60.0),
    "stale_recovery_interval": ("2.5", 2.5),
    "max_result_size": ("1M", 1024 * 1024),
    "shutdown_grace": ("0", 0.0),
    "webhook_secret": (f"whsec_{'A' * 32}, whsec_{'B' * 32}", (f"whsec_{'A' * 32}", f"whsec_{'B' * 32}")),
    "webhook_allow": ("hooks.internal, 10.1.0.0/16", ("hooks.internal", "10.1.0.0/16")),
    "webhook_allow_public": ("hooks.example, 203.0.113.0/24", ("hooks.example", "203.0.113.0/24")),
    "webhooks_per_host": ("50", 50),
    "public_url": ("https://tasks.example.org", "https://tasks.example.org"),
    "smtp_url": ("smtp://q%40example.org:pw@mail", "smtp://q%40example.org:pw@mail"),
    "mail_from": ("lapinq@example.org", "lapinq@example.org"),
    "metrics_port": ("9100", 9100),
    "metrics_host": ("0.0.0.0", "0.0.0.0"),
    "scheduler": ("true", True),
    "scheduler_interval": ("30", 30.0),
    "schedule_modules": ("app.tasks, lib.jobs", ("app.tasks", "lib.jobs")),
    "cleanup_interval": ("300", 300.0),
    "keep": ("completed=7d, 30d", ("completed=7d", "30d")),
    "log_level": ("debug", "debug"),
    "json_log": ("on", True),
}


def test_without_an_environment_the_defaults_hold() -> None:
    assert load_settings({}) == Settings()


def test_the_table_has_every_setting() -> None:
    assert set(TEXTS) == set(Settings.__struct_fields__)
    assert all(meant != DEFAULTS[field] for field, (_, meant) in TEXTS.items())


@pytest.mark.parametrize("field", TEXTS)
def test_each_is_read_from_its_variable(field: str) -> None:
    text, meant = TEXTS[field]
    assert msgspec.structs.asdict(load_settings({variable(field): text})) == {**DEFAULTS, field: meant}


@pytest.mark.parametrize("field", TEXTS)
def test_an_override_wins_and_none_is_no_override(field: str) -> None:
    text, meant = TEXTS[field]
    assert getattr(load_settings({}, **{field: meant}), field) == meant
    assert getattr(load_settings({variable(field): text}, **{field: None}), field) == meant
    default = DEFAULTS[field]
    if default is not None and not (field in GUARDS and default == ()):
        assert getattr(load_settings({variable(field): text}, **{field: default}), field) == default


@pytest.mark.parametrize("field", sorted(TEXTS.keys() - GUARDS))
def test_an_empty_variable_that_guards_nothing_counts_as_unset(field: str) -> None:
    assert load_settings({variable(field): ""}) == Settings()


def test_what_guards_something_is_never_off_because_it_is_empty() -> None:
    for field in GUARDS:
        for text in ("", " ", *((",", " , ,") if DEFAULTS[field] == () else ())):
            with pytest.raises(EmptySetting, match=f"^{variable(field)} is set but empty"):
                load_settings({variable(field): text})
            with pytest.raises(EmptySetting, match=f"^--{field.replace('_', '-')} is set but empty"):
                load_settings({}, **{field: text})
        if DEFAULTS[field] == ():
            with pytest.raises(EmptySetting):
                load_settings({}, **{field: ()})
        if field in SECRETS:
            with pytest.raises(EmptySetting, match=f"^{variable(field)}_FILE is set but empty"):
                load_settings({f"{variable(field)}_FILE": ""})


def test_the_settings_that_guard_something_are_these() -> None:
    assert {
        "database_url",
        "api_key",
        "require_auth",
        "read_only",
        "redact",
        "admin_username",
        "admin_password",
        "cors_origins",
        "trusted_proxies",
        "rate_limit",
        "allowed_hosts",
        "allowed_modules",
        "webhook_secret",
        "webhook_allow",
        "webhook_allow_public",
    } == GUARDS


@pytest.mark.parametrize("text", ["INFO", "Info", "info", " info "])
def test_words_to_choose_from_are_read_without_regard_to_case(text: str) -> None:
    assert load_settings({"LAPINQ_LOG_LEVEL": text}).log_level == "info"
    assert load_settings({}, log_level=text).log_level == "info"


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("log_level", "LOUD", "debug, info, warning or error"),
        ("worker_pool", "fibers", "processes or threads"),
        ("require_auth", "maybe", "1, true, yes, on, 0, false, no or off"),
        ("worker_rates", "maybe", "1, true, yes, on, 0, false, no or off"),
    ],
)
def test_a_word_that_is_none_is_answered_with_those_there_are(field: str, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({variable(field): text})
    assert str(refused.value) == f"{variable(field)}: expected {words}, got {text!r}"


def test_the_database_has_the_name_that_everybody_uses() -> None:
    assert variable("database_url") == "DATABASE_URL"
    assert {variable(field) for field in TEXTS if field != "database_url"} == {
        f"LAPINQ_{field.upper()}" for field in TEXTS if field != "database_url"
    }


@pytest.mark.parametrize("field", ["database_url", "listen_database_url"])
def test_a_database_url_may_have_the_form_of_another_library(field: str) -> None:
    settings = load_settings({variable(field): "postgres://db/app"})
    assert getattr(settings, field) == "postgresql://db/app"
    settings = load_settings({}, **{field: "postgresql+asyncpg://db/app"})
    assert getattr(settings, field) == "postgresql://db/app"


def test_the_own_name_of_the_databases_variable_comes_first(tmp_path: Path) -> None:
    own, usual = "postgresql://own/app", "postgresql://usual/app"
    file = tmp_path / "url"
    file.write_text(own)
    for environ in (
        {"LAPINQ_DATABASE_URL": own, "DATABASE_URL": usual},
        {"LAPINQ_DATABASE_URL": own, "DATABASE_URL_FILE": "/missing"},
        {"LAPINQ_DATABASE_URL": own, "DATABASE_URL": ""},
        {"LAPINQ_DATABASE_URL_FILE": str(file), "DATABASE_URL": usual},
    ):
        assert load_settings(environ).database_url == own
        assert load_settings(environ, database_url=usual).database_url == usual
    with pytest.raises(EmptySetting, match=r"^LAPINQ_DATABASE_URL is set but empty"):
        load_settings({"LAPINQ_DATABASE_URL": "", "DATABASE_URL": usual})


@pytest.mark.parametrize("name", ["DATABASE_URL", "LAPINQ_DATABASE_URL", "LAPINQ_LISTEN_DATABASE_URL"])
def test_a_password_that_must_be_encoded_is_told_without_it(name: str) -> None:
    with pytest.raises(
        SettingsError, match=rf"^{name}: user and password must be percent-encoded"
    ) as refused:
        load_settings({name: "postgresql://user:p@ss/w:rd#@host/db"})
    assert "ss" not in str(refused.value).replace("password", "")
    with pytest.raises(SettingsError, match=r"^--database-url: user and password must be percent-encoded"):
        load_settings({}, database_url="postgresql://user:p@ss@host/db")


def test_a_flag_wins_over_a_variable_that_could_not_be_read() -> None:
    assert load_settings({"LAPINQ_PORT": "eight"}, port=80).port == 80


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("shop/tasks.py", ", shop.tasks"),
        ("./shop/tasks.py", ", shop.tasks"),
        ("shop/tasks", ", shop.tasks"),
        ("shop.tasks.py", ", shop.tasks"),
        ("shop/__init__.py", ", shop"),
        ("shop\\tasks.py", ", shop.tasks"),
        ("shop/", ", shop"),
        ("/srv/shop/tasks.py", " as Python imports it, such as shop.tasks"),
        ("../shop.py", " as Python imports it, such as shop.tasks"),
    ],
)
def test_a_file_in_the_place_of_a_module_is_answered_with_the_module(file: str, module: str) -> None:
    for field in ("worker_imports", "schedule_modules"):
        with pytest.raises(SettingsError) as refused:
            load_settings({variable(field): f"jobs,{file}"})
        assert str(refused.value) == f"{variable(field)}: {file!r} is a file: name its module{module}"
    if not module.startswith(" as"):
        with pytest.raises(SettingsError, match=rf"^--middleware: .* name its module{module}:Tracing$"):
            parse_setting("worker_middleware", f"{file}:Tracing", "--middleware")


def test_a_port_that_kubernetes_sets_is_told() -> None:
    with pytest.raises(
        SettingsError, match=r"^LAPINQ_PORT is set by Kubernetes, .*enableServiceLinks: false"
    ):
        load_settings({"LAPINQ_PORT": "tcp://10.0.0.7:8001"})


def test_what_is_not_ours_is_passed_over() -> None:
    assert load_settings({"LAPINQ_NO_SUCH_THING": "1", "HOST": "x", "PORT": "y"}) == Settings()


IMPOSSIBLE: dict[str, list[str]] = {
    "port": ["eight", "-1", "65536", "80.5"],
    "pool_size": ["0"],
    "rate_limit": ["-1"],
    "cors_origins": ["https://a.example/, https://b.example", "*, https://b.example"],
    "trusted_proxies": ["10.0.0.0/8, proxy", "*", "10.0.0.0/8,0.0.0.0/0", "::/0"],
    "allowed_hosts": ["https://a.example", "*"],
    "caller_share": ["0", "1.1", "90 %"],
    "max_unread_size": ["0"],
    "max_payload_size": ["1 MiB"],
    "worker": ["maybe", "2"],
    "worker_concurrency": ["0", "10001"],
    "worker_poll_interval": ["0", "nan"],
    "worker_timeout": ["inf", "-5"],
    "worker_pool": ["fibers"],
    "time_limit_grace": ["-1"],
    "cancel_grace": ["nan"],
    "worker_max_memory": [
        *["0", "0.0001K", "-1", "-512M", "1.5", "M", "1e9", "12KM", "١M", "90000000T", "all"],
        "512 X",
        "9" * 5000,
    ],
    "max_result_size": ["0", "many"],
    "worker_max_tasks_per_child": ["0"],
    "worker_strict_order": ["perhaps"],
    "worker_rates": ["often"],
    "shutdown_grace": ["-1"],
    "cleanup_interval": ["nan"],
    "log_level": ["loud"],
    "json_log": ["si"],
}


@pytest.mark.parametrize(
    ("field", "text"), [(field, text) for field, texts in IMPOSSIBLE.items() for text in texts]
)
def test_a_value_that_cannot_be_is_refused_with_the_name_of_its_variable(field: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable(field)}: [a-z]"):
        load_settings({variable(field): text})


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("worker_concurrency", 50_000, "expected a whole number from 1 to 10000, got 50000$"),
        ("worker_max_memory", 0, "expected a whole number of at least 1, got 0$"),
        ("allowed_hosts", ("https://a.example",), "must be host names"),
        ("keep", ("completed=7d", "failed=9x"), "'failed=9x': expected a time such as"),
    ],
)
def test_a_wrong_override_is_refused_with_the_name_of_its_flag(field: str, value: Any, told: str) -> None:
    with pytest.raises(SettingsError, match=f"^--{field.replace('_', '-')}: {told}"):
        load_settings({}, **{field: value})


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("port", "a whole number from 0 to 65535"),
        ("metrics_port", "a whole number from 0 to 65535"),
        ("pool_size", "a whole number of at least 1"),
        ("worker_timeout", "a number above 0 up to 315576000"),
        ("cleanup_interval", "a number from 0 to 315576000"),
        ("worker_max_tasks_per_child", "a whole number of at least 1"),
    ],
)
def test_a_number_that_is_none_is_answered_with_what_is_wanted(field: str, wanted: str) -> None:
    for text in ("many", "-1"):
        with pytest.raises(SettingsError) as refused:
            load_settings({variable(field): text})
        assert str(refused.value) == f"{variable(field)}: expected {wanted}, got {text!r}"


def test_middleware_needs_a_module_and_a_name() -> None:
    for text in ("tracing", "app.tracing:", ":Tracing"):
        with pytest.raises(SettingsError, match=rf"^--middleware: '{text}' must have the form module:name"):
            parse_setting("worker_middleware", text, "--middleware")


def test_a_wrong_time_to_keep_is_told_by_its_entry() -> None:
    with pytest.raises(SettingsError, match=r"^LAPINQ_KEEP: 'failed=9x': expected a time such as"):
        load_settings({"LAPINQ_KEEP": "30d,failed=9x"})


def test_a_single_setting_is_read_under_the_name_it_was_given() -> None:
    assert parse_setting("port", "80", "-p") == 80
    with pytest.raises(SettingsError, match=r"^-p: expected a whole number from 0 to 65535, got 'http'$"):
        parse_setting("port", "http", "-p")


@pytest.mark.parametrize(
    ("text", "meant"), [("1", True), ("TRUE", True), ("On", True), ("0", False), ("no", False)]
)
def test_switches_take_the_usual_words(text: str, meant: bool) -> None:
    assert load_settings({"LAPINQ_JSON_LOG": text}).json_log is meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1", 1),
        ("1048576", 2**20),
        ("1K", 2**10),
        ("512M", 512 * 2**20),
        ("512m", 512 * 2**20),
        ("512MB", 512 * 2**20),
        ("512 MiB", 512 * 2**20),
        (" 2GiB ", 2 * 2**30),
        ("1.5G", 3 * 2**29),
        ("0.5k", 512),
        ("1T", 2**40),
        ("100B", 100),
    ],
)
def test_a_size_may_have_a_unit(text: str, meant: int) -> None:
    assert load_settings({"LAPINQ_WORKER_MAX_MEMORY": text}).worker_max_memory == meant
    assert load_settings({"LAPINQ_MAX_RESULT_SIZE": text}).max_result_size == meant
    assert parse_setting("worker_max_memory", text, "--max-memory") == meant


def test_a_size_that_cannot_be_is_told_with_examples() -> None:
    with pytest.raises(
        SettingsError, match=r"^--max-memory: expected a size in bytes, or one such as 512M.*, got 'lots'$"
    ):
        parse_setting("worker_max_memory", "lots", "--max-memory")


def test_a_switch_without_a_default_is_on_off_or_unset() -> None:
    assert load_settings({}).worker_rates is None
    assert load_settings({"LAPINQ_WORKER_RATES": "1"}).worker_rates is True
    assert load_settings({"LAPINQ_WORKER_RATES": "no"}).worker_rates is False


def test_a_switch_can_be_turned_off_over_the_environment() -> None:
    assert not load_settings({"LAPINQ_WORKER": "1"}, worker=False).worker


def test_a_path_may_start_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/of/somebody")
    assert load_settings({"LAPINQ_DATA_DIR": "~/db"}).data_dir == Path("/home/of/somebody/db")


def test_a_lease_must_outlast_a_missed_beat() -> None:
    assert load_settings({"LAPINQ_LEASE_SECONDS": "10"}).lease_seconds == 10
    with pytest.raises(
        SettingsError, match=r"LAPINQ_LEASE_SECONDS \(9\.9\).*LAPINQ_HEARTBEAT_INTERVAL \(5\)"
    ):
        load_settings({"LAPINQ_LEASE_SECONDS": "9.9"})


def test_each_process_needs_a_port_for_its_metrics() -> None:
    load_settings({"LAPINQ_METRICS_PORT": "65535"})
    with pytest.raises(SettingsError, match=r"LAPINQ_METRICS_PORT \(65535\): 2 processes need a port each"):
        load_settings({"LAPINQ_METRICS_PORT": "65535", "LAPINQ_API_PROCESSES": "2"})


@pytest.mark.parametrize("field", sorted(SECRETS))
def test_a_secret_can_be_given_as_a_file(field: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    text, meant = TEXTS[field]
    file.write_text(f"  {text}\n")
    assert getattr(load_settings({f"{variable(field)}_FILE": str(file)}), field) == meant


def test_only_secrets_are_read_from_files(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("80")
    assert load_settings({"LAPINQ_PORT_FILE": str(file)}) == Settings()


@pytest.mark.parametrize(
    ("content", "others", "told"),
    [
        ("a", {"LAPINQ_API_KEY": "b"}, "LAPINQ_API_KEY and LAPINQ_API_KEY_FILE are both set"),
        (None, {}, "^LAPINQ_API_KEY_FILE: .*No such file"),
        ("\n", {}, "^LAPINQ_API_KEY_FILE: .*empty"),  # an empty key would let everybody in who sends none
    ],
    ids=["given twice", "missing", "empty"],
)
def test_a_secret_file_that_is_of_no_use_is_refused_by_name(
    tmp_path: Path, content: str | None, others: dict[str, str], told: str
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match=told):
        load_settings({"LAPINQ_API_KEY_FILE": str(file), **others})


@pytest.mark.parametrize(
    ("given", "variable_named"),
    [
        ({"LAPINQ_ADMIN_PASSWORD": "lapinq"}, "LAPINQ_ADMIN_PASSWORD"),
        ({"LAPINQ_ADMIN_PASSWORD": "x" * 1025}, "LAPINQ_ADMIN_PASSWORD"),
        (
            {"LAPINQ_ADMIN_USERNAME": "administrator", "LAPINQ_ADMIN_PASSWORD": "Administrator"},
            "LAPINQ_ADMIN_PASSWORD",
        ),
        ({"LAPINQ_ADMIN_USERNAME": " ada"}, "LAPINQ_ADMIN_USERNAME"),
        ({"LAPINQ_ADMIN_USERNAME": "x" * 256}, "LAPINQ_ADMIN_USERNAME"),
    ],
)
def test_the_first_user_keeps_the_rules_of_all_users(given: dict[str, str], variable_named: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable_named} must ") as refused:
        load_settings(given)
    assert not any(value in str(refused.value) for value in given.values() if len(value) > 6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"LAPINQ_PUBLIC_URL": "tasks.example.org"}, "LAPINQ_PUBLIC_URL must be an http or https URL"),
        ({"LAPINQ_SMTP_URL": "https://u:secret@mail"}, "LAPINQ_SMTP_URL must be smtp://host or smtps://host"),
        ({"LAPINQ_SMTP_URL": "smtp://u:secret@mail:x"}, "LAPINQ_SMTP_URL cannot be read as a URL"),
        ({"LAPINQ_SMTP_URL": "smtp://u:secret@mail"}, "LAPINQ_SMTP_URL needs LAPINQ_MAIL_FROM"),
        ({"LAPINQ_MAIL_FROM": "Lisa <lisa@example.org>"}, "LAPINQ_MAIL_FROM must be a mail address"),
    ],
)
def test_a_wrong_setting_for_notifications_is_named_without_the_password(
    values: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(values)
    assert str(error.value).startswith(message)
    assert "secret" not in str(error.value)
