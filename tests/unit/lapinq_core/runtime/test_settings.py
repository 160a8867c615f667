"""Settings from the environment and from flags."""

import re
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
    "open_api": ("Everyone", "everyone"),
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


def refused(environ: dict[str, str], **overrides: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, **overrides)
    return str(caught.value)


def test_the_table_has_every_setting() -> None:
    assert set(TEXTS) == set(Settings.__struct_fields__)
    assert all(meant != DEFAULTS[field] for field, (_, meant) in TEXTS.items())
    assert load_settings({}) == Settings()


def test_each_is_read_from_its_variable_unless_a_flag_says_otherwise() -> None:
    for field, (text, meant) in TEXTS.items():
        environ = {variable(field): text}
        assert msgspec.structs.asdict(load_settings(environ)) == {**DEFAULTS, field: meant}
        assert getattr(load_settings({}, **{field: meant}), field) == meant, field
        assert getattr(load_settings(environ, **{field: None}), field) == meant, field
        default = DEFAULTS[field]
        if default is not None and not (field in GUARDS and default == ()):
            assert getattr(load_settings(environ, **{field: default}), field) == default, field
    assert load_settings({"LAPINQ_PORT": "eight"}, port=80).port == 80, "nobody reads the variable"


def test_an_empty_variable_counts_as_unset_unless_it_guards_something() -> None:
    for field in TEXTS.keys() - GUARDS:
        assert load_settings({variable(field): ""}) == Settings(), field
    for field in GUARDS:
        flag = f"--{field.replace('_', '-')}"
        for text in ("", " ", *((",", " , ,") if DEFAULTS[field] == () else ())):
            with pytest.raises(EmptySetting, match=f"^{variable(field)} is set but empty"):
                load_settings({variable(field): text})
            with pytest.raises(EmptySetting, match=f"^{flag} is set but empty"):
                load_settings({}, **{field: text})
        if DEFAULTS[field] == ():
            with pytest.raises(EmptySetting):
                load_settings({}, **{field: ()})
        if field in SECRETS:
            with pytest.raises(EmptySetting, match=f"^{variable(field)}_FILE is set but empty"):
                load_settings({f"{variable(field)}_FILE": ""})


def test_the_settings_that_guard_something_are_these() -> None:
    assert {
        "database_url", "api_key", "require_auth", "read_only", "redact", "admin_username", "admin_password",
        "cors_origins", "trusted_proxies", "rate_limit", "allowed_hosts", "allowed_modules", "webhook_secret",
        "webhook_allow", "webhook_allow_public",
    } == GUARDS  # fmt: skip


def test_the_database_has_the_name_that_everybody_uses_and_its_own_comes_first(tmp_path: Path) -> None:
    assert variable("database_url") == "DATABASE_URL"
    others = TEXTS.keys() - {"database_url"}
    assert {variable(field) for field in others} == {f"LAPINQ_{field.upper()}" for field in others}
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


def test_a_database_url_may_have_the_form_of_another_library_but_its_password_is_encoded() -> None:
    for field in ("database_url", "listen_database_url"):
        assert getattr(load_settings({variable(field): "postgres://db/app"}), field) == "postgresql://db/app"
        given = {field: "postgresql+asyncpg://db/app"}
        assert getattr(load_settings({}, **given), field) == "postgresql://db/app"
    url, told = "postgresql://user:p@ss/w:rd#@host/db", "user and password must be percent-encoded"
    for name in ("DATABASE_URL", "LAPINQ_DATABASE_URL", "LAPINQ_LISTEN_DATABASE_URL"):
        message = refused({name: url})
        assert message.startswith(f"{name}: {told}")
        assert "ss" not in message.replace("password", "")
    assert refused({}, database_url=url).startswith(f"--database-url: {told}")


MEANINGS: list[tuple[str, str, object]] = [
    *(("log_level", text, "info") for text in ("INFO", "Info", " info ")),
    *(("json_log", text, True) for text in ("1", "TRUE", "On")),
    *(("json_log", text, False) for text in ("0", "no")),
    ("worker_rates", "1", True),  # without it, neither
    ("worker_rates", "no", False),
    *(("worker_max_memory", text, 512 * 2**20) for text in ("512M", "512m", "512MB", "512 MiB", "536870912")),
    *(("worker_max_memory", text, 512) for text in ("512", "512B", "0.5k")),
    ("max_result_size", " 2GiB ", 2 * 2**30),
    ("max_result_size", "1.5G", 3 * 2**29),
    ("max_result_size", "1T", 2**40),
]


def test_words_are_read_in_any_case_and_sizes_with_units() -> None:
    for field, text, meant in MEANINGS:
        assert getattr(load_settings({variable(field): text}), field) == meant, (field, text)
        assert parse_setting(field, text, "--flag") == meant, (field, text)
    assert not load_settings({"LAPINQ_WORKER": "1"}, worker=False).worker


def test_a_path_may_start_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/of/somebody")
    assert load_settings({"LAPINQ_DATA_DIR": "~/db"}).data_dir == Path("/home/of/somebody/db")


def test_what_is_not_ours_is_passed_over() -> None:
    assert load_settings({"LAPINQ_NO_SUCH_THING": "1", "HOST": "x", "PORT": "y"}) == Settings()


# What is refused

IMPOSSIBLE: dict[str, list[str]] = {
    "port": ["eight", "-1", "65536", "80.5"],
    "pool_size": ["0"],
    "rate_limit": ["-1"],
    "cors_origins": ["https://a.example/, https://b.example", "*, https://b.example"],
    "trusted_proxies": ["10.0.0.0/8, proxy", "*", "10.0.0.0/8,0.0.0.0/0", "::/0"],
    "allowed_hosts": ["https://a.example", "*"],
    "caller_share": ["0", "1.1", "90 %"],
    "metrics_port": ["-1", "65536"],
    "max_unread_size": ["0"],
    "max_payload_size": ["1 MiB"],
    "worker": ["maybe", "2"],
    "worker_concurrency": ["0", "10001"],
    "worker_poll_interval": ["0", "nan"],
    "worker_timeout": ["inf", "-5"],
    "time_limit_grace": ["-1"],
    "cancel_grace": ["nan"],
    "worker_max_memory": [
        *["0", "0.0001K", "-1", "-512M", "1.5", "M", "1e9", "12KM", "١M", "90000000T", "all", "512 X"],
        "9" * 5000,
    ],
    "max_result_size": ["0", "many"],
    "worker_max_tasks_per_child": ["0"],
    "shutdown_grace": ["-1"],
    "cleanup_interval": ["nan"],
}


def test_a_value_that_cannot_be_is_refused_with_the_name_of_its_variable() -> None:
    for field, texts in IMPOSSIBLE.items():
        for text in texts:
            assert re.match(f"{variable(field)}: [a-z]", refused({variable(field): text})), (field, text)


SWITCH = "1, true, yes, on, 0, false, no or off"
TOLD: list[tuple[dict[str, str], str]] = [
    ({"LAPINQ_LOG_LEVEL": "LOUD"}, "LAPINQ_LOG_LEVEL: expected debug, info, warning or error, got 'LOUD'"),
    ({"LAPINQ_WORKER_POOL": "fibers"}, "LAPINQ_WORKER_POOL: expected processes or threads, got 'fibers'"),
    ({"LAPINQ_REQUIRE_AUTH": "maybe"}, f"LAPINQ_REQUIRE_AUTH: expected {SWITCH}, got 'maybe'"),
    ({"LAPINQ_WORKER_RATES": "maybe"}, f"LAPINQ_WORKER_RATES: expected {SWITCH}, got 'maybe'"),
    ({"LAPINQ_PORT": "many"}, "LAPINQ_PORT: expected a whole number from 0 to 65535, got 'many'"),
    ({"LAPINQ_POOL_SIZE": "-1"}, "LAPINQ_POOL_SIZE: expected a whole number of at least 1, got '-1'"),
    ({"LAPINQ_WORKER_TIMEOUT": "-1"}, "LAPINQ_WORKER_TIMEOUT: expected a number above 0 up to 315576000,"),
    ({"LAPINQ_CLEANUP_INTERVAL": "x"}, "LAPINQ_CLEANUP_INTERVAL: expected a number from 0 to 315576000,"),
    (
        {"LAPINQ_WORKER_MAX_MEMORY": "lots"},
        "LAPINQ_WORKER_MAX_MEMORY: expected a size in bytes, or one such as",
    ),
    ({"LAPINQ_KEEP": "30d,failed=9x"}, "LAPINQ_KEEP: 'failed=9x': expected a time such as"),
    ({"LAPINQ_PORT": "tcp://10.0.0.7:8001"}, "LAPINQ_PORT is set by Kubernetes, "),
    ({"LAPINQ_LEASE_SECONDS": "9.9"}, "LAPINQ_LEASE_SECONDS (9.9) must be at least twice LAPINQ_HEARTBEAT_"),
    (
        {"LAPINQ_METRICS_PORT": "65535", "LAPINQ_API_PROCESSES": "2"},
        "LAPINQ_METRICS_PORT (65535): 2 processes need a port each",
    ),
    # The first user keeps the rules of all users.
    ({"LAPINQ_ADMIN_PASSWORD": "lapinq"}, "LAPINQ_ADMIN_PASSWORD must "),
    (
        {"LAPINQ_ADMIN_USERNAME": "secretary", "LAPINQ_ADMIN_PASSWORD": "Secretary"},
        "LAPINQ_ADMIN_PASSWORD must ",
    ),
    ({"LAPINQ_ADMIN_USERNAME": " secret"}, "LAPINQ_ADMIN_USERNAME must "),
    ({"LAPINQ_PUBLIC_URL": "tasks.example.org"}, "LAPINQ_PUBLIC_URL must be an http or https URL"),
    ({"LAPINQ_SMTP_URL": "https://u:secret@mail"}, "LAPINQ_SMTP_URL must be smtp://host or smtps://host"),
    ({"LAPINQ_SMTP_URL": "smtp://u:secret@mail:x"}, "LAPINQ_SMTP_URL cannot be read as a URL"),
    ({"LAPINQ_SMTP_URL": "smtp://u:secret@mail"}, "LAPINQ_SMTP_URL needs LAPINQ_MAIL_FROM"),
    ({"LAPINQ_MAIL_FROM": "Lisa <lisa@example.org>"}, "LAPINQ_MAIL_FROM must be a mail address"),
    (
        {"LAPINQ_WEBHOOK_SECRET": f"whsec_{'A' * 32},whsec_secret"},
        "LAPINQ_WEBHOOK_SECRET: entry 2 must be whsec_",
    ),
    *(
        (
            {name: f"hooks.internal, {entry}"},
            f"{name}: entry 2 {entry!r} is not a host name, address or network",
        )
        for name in ("LAPINQ_WEBHOOK_ALLOW", "LAPINQ_WEBHOOK_ALLOW_PUBLIC")
        for entry in ("http://hooks.internal", "10.0.0.1/8")
    ),
]


def test_what_is_wrong_is_told_in_words_and_without_a_secret() -> None:
    for environ, told in TOLD:
        message = refused(environ)
        assert message.startswith(told), message
        assert "secret" not in message.lower().replace("webhook_secret", ""), message
    load_settings({"LAPINQ_METRICS_PORT": "65535"})
    load_settings({"LAPINQ_LEASE_SECONDS": "10"})


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
    flag = f"--{field.replace('_', '-')}"
    assert re.match(f"{flag}: {told}", refused({}, **{field: value}))
    with pytest.raises(SettingsError, match=r"^-p: expected a whole number from 0 to 65535, got 'http'$"):
        parse_setting("port", "http", "-p")


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("./shop/tasks.py", ", shop.tasks"),
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
        message = refused({variable(field): f"jobs,{file}"})
        assert message == f"{variable(field)}: {file!r} is a file: name its module{module}"
    if not module.startswith(" as"):
        with pytest.raises(SettingsError, match=rf"^--middleware: .* name its module{module}:Tracing$"):
            parse_setting("worker_middleware", f"{file}:Tracing", "--middleware")


@pytest.mark.parametrize("text", ["tracing", "app.tracing:", ":Tracing"])
def test_middleware_needs_a_module_and_a_name(text: str) -> None:
    with pytest.raises(SettingsError, match=rf"^--middleware: '{text}' must have the form module:name"):
        parse_setting("worker_middleware", text, "--middleware")


def test_secrets_and_only_they_can_be_given_as_files(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    for field in SECRETS:
        text, meant = TEXTS[field]
        file.write_text(f"  {text}\n")
        assert getattr(load_settings({f"{variable(field)}_FILE": str(file)}), field) == meant, field
    file.write_text("80")
    assert load_settings({"LAPINQ_PORT_FILE": str(file)}) == Settings()
    both = refused({"LAPINQ_API_KEY_FILE": str(file), "LAPINQ_API_KEY": "b"})
    assert both.startswith("LAPINQ_API_KEY and LAPINQ_API_KEY_FILE are both set")
    file.write_text("\n")  # an empty key would let everybody in who sends none
    assert re.match("LAPINQ_API_KEY_FILE: .*empty", refused({"LAPINQ_API_KEY_FILE": str(file)}))
    file.unlink()
    assert re.match("LAPINQ_API_KEY_FILE: .*No such file", refused({"LAPINQ_API_KEY_FILE": str(file)}))
