"""All settings. Only this module reads the environment.

A field `name` comes from `LAPINQ_NAME` (the database's also from `DATABASE_URL`); command-line flags are passed as
overrides and win. For secrets, `LAPINQ_NAME_FILE` may hold the path of a file instead.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, cast, get_type_hints

import msgspec
from msgspec import Meta

from lapinq_core.domain.accounts.passwords import DEFAULT_USERNAME, check_password, check_username
from lapinq_core.domain.alerts.rule import is_mail_address
from lapinq_core.domain.alerts.smtp_url import read_smtp_url
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.hosts.database_url import check_login, libpq_url
from lapinq_core.domain.hosts.exposure import OpenTo
from lapinq_core.domain.hosts.host_names import read_host_names
from lapinq_core.domain.hosts.networks import read_networks
from lapinq_core.domain.hosts.origins import read_origins
from lapinq_core.domain.tasks.functions.module_name import is_file, module_of
from lapinq_core.domain.tasks.retention import read_keep
from lapinq_core.domain.tasks.task import check_url
from lapinq_core.domain.webhooks.signature import read_secret
from lapinq_core.domain.webhooks.target import read_listed
from lapinq_core.runtime.setting_values import Bytes, EmptySetting, SettingsError, convert, is_empty

_TEN_YEARS = 315_576_000
_HIGHEST_PORT = 65_535
Seconds = Annotated[float, Meta(gt=0, le=_TEN_YEARS)]
SecondsOrOff = Annotated[float, Meta(ge=0, le=_TEN_YEARS)]
Count = Annotated[int, Meta(ge=1)]
PoolKind = Literal["processes", "threads"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a process. `setting_texts` says what each means, `docs/reference/settings.md` explains them."""

    database_url: str | None = None
    listen_database_url: str | None = None
    data_dir: Path | None = None
    pg_bin: Path | None = None
    pool_size: Count = 10

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8001
    api_processes: Annotated[int, Meta(ge=1, le=256)] = 1
    api_key: str | None = None
    require_auth: bool = False
    open_api: Literal["local", "everyone"] = "local"
    read_only: bool = False
    redact: tuple[str, ...] = ()
    session_secret: str | None = None
    admin_username: str | None = None
    admin_password: str | None = None
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    hsts: Literal["host", "subdomains", "off"] = "host"
    rate_limit: Annotated[int, Meta(ge=0)] = 0
    caller_share: Annotated[float, Meta(gt=0, le=1)] = 0.9
    max_unread_size: Bytes = 128 * 1024 * 1024
    max_payload_size: Count = 1024 * 1024
    max_batch_payload_size: Count = 16 * 1024 * 1024
    allowed_hosts: tuple[str, ...] = ()
    allowed_modules: tuple[str, ...] = ()

    worker: bool = False
    worker_concurrency: Annotated[int, Meta(ge=1, le=10_000)] = 4
    worker_poll_interval: Seconds = 0.1
    worker_timeout: Seconds = 300.0
    time_limit_grace: SecondsOrOff = 1.0
    cancel_grace: SecondsOrOff = 5.0
    worker_pool: PoolKind = "processes"
    worker_max_memory: Bytes | None = None
    worker_max_tasks_per_child: Count | None = None
    worker_middleware: tuple[str, ...] = ()
    worker_strict_order: bool = False
    worker_task_log: bool = True
    worker_rates: bool | None = None
    worker_queues: tuple[str, ...] = ()
    worker_imports: tuple[str, ...] = ()
    worker_name: str | None = None
    worker_release: str | None = None
    heartbeat_interval: Seconds = 5.0
    lease_seconds: Seconds = 30.0
    stale_recovery_interval: Seconds = 5.0
    max_result_size: Bytes = 16 * 1024 * 1024
    shutdown_grace: SecondsOrOff = 30.0

    webhook_secret: tuple[str, ...] = ()
    webhook_allow: tuple[str, ...] = ()
    webhook_allow_public: tuple[str, ...] = ()
    webhooks_per_host: Annotated[int, Meta(ge=1, le=100)] = 4

    public_url: str | None = None
    smtp_url: str | None = None
    mail_from: str | None = None

    metrics_port: Annotated[int, Meta(ge=0, le=65535)] | None = None
    metrics_host: str = "127.0.0.1"

    scheduler: bool = False
    scheduler_interval: Seconds = 60.0
    schedule_modules: tuple[str, ...] = ()
    cleanup_interval: SecondsOrOff = 0.0
    keep: tuple[str, ...] = ()

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    json_log: bool = False

    @property
    def open_to(self) -> OpenTo:
        """Whom the API answers without a key or a session."""
        if self.api_key is not None or self.require_auth:
            return OpenTo.NOBODY
        return OpenTo.EVERYONE if self.open_api == "everyone" else OpenTo.LOCAL


SECRETS = frozenset(
    {
        "database_url",
        "listen_database_url",
        "api_key",
        "session_secret",
        "admin_password",
        "webhook_secret",
        "smtp_url",
    }
)
"""The settings that may be given as `…_FILE`."""

GUARDS = frozenset(
    {
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
    }
)
"""The settings that guard something: if one is set but empty, loading fails, so that the mistake opens nothing, nor
sends tasks to another database.

`session_secret` is not among them: if empty, it is random.
"""

_LISTS: dict[str, Callable[[tuple[str, ...]], object]] = {
    "cors_origins": read_origins,
    "trusted_proxies": read_networks,
    "allowed_hosts": read_host_names,
    "keep": read_keep,
}

_DATABASE_URLS = frozenset({"database_url", "listen_database_url"})

_MODULES = frozenset({"worker_imports", "schedule_modules", "worker_middleware"})

_HINTS = get_type_hints(Settings, include_extras=True)


def variables(field: str) -> tuple[str, ...]:
    """The environment variables that set `field`; the first that is set counts."""
    own = f"LAPINQ_{field.upper()}"
    return (own, "DATABASE_URL") if field == "database_url" else (own,)


def variable(field: str) -> str:
    """The environment variable that sets `field`, by its usual name."""
    return variables(field)[-1]


def load_settings(environ: Mapping[str, str], **overrides: object) -> Settings:
    """Settings from `environ`; an override that is not None replaces the variable.

    Raises `SettingsError` with the name of the variable or flag that is wrong, `EmptySetting` if one of `GUARDS` is
    empty.
    """
    values: dict[str, object] = {}
    for field, value in overrides.items():
        if value is not None and (meant := _value(_flag(field), field, value)) is not None:
            values[field] = meant
    for field in Settings.__struct_fields__:
        if field not in values and (meant := _read(environ, field)) is not None:
            values[field] = meant
    settings = Settings(**values)  # pyright: ignore[reportArgumentType]  # each value was converted to its field's type
    if settings.heartbeat_interval * 2 > settings.lease_seconds:
        raise SettingsError(
            f"LAPINQ_LEASE_SECONDS ({settings.lease_seconds:g}) must be at least twice"
            f" LAPINQ_HEARTBEAT_INTERVAL ({settings.heartbeat_interval:g})"
        )
    _check_first_user(settings)
    _check_metrics_ports(settings)
    for field, read in _LISTS.items():
        _check_list(settings, field, read, _flag(field) if overrides.get(field) else variable(field))
    _check_entries(settings, "webhook_secret", read_secret)
    for field in ("webhook_allow", "webhook_allow_public"):
        _check_entries(settings, field, lambda entry: read_listed([entry]))
    _check_notifications(settings)
    return settings


def parse_setting(field: str, raw: object, name: str) -> object:
    """The value of `field` for the text `raw`. Raises `SettingsError`, which calls it `name`."""
    return _converted(name, field, raw)


def _converted(name: str, field: str, raw: object) -> object:
    value = convert(name, raw, _HINTS[field])
    if field in _MODULES:
        for entry in cast("tuple[str, ...]", value):
            _check_module(name, entry)
            if field == "worker_middleware" and not all(entry.partition(":")):
                raise SettingsError(
                    f"{name}: {entry!r} must have the form module:name, such as app.tracing:Tracing"
                )
    return value


def _check_module(name: str, entry: str) -> None:
    """Raises `SettingsError` for a file instead of a module; what follows a colon is a name in it."""
    file, colon, attribute = entry.partition(":")
    if is_file(file):
        module = module_of(file)
        meant = f", {module}{colon}{attribute}" if module else " as Python imports it, such as shop.tasks"
        raise SettingsError(f"{name}: {entry!r} is a file: name its module{meant}")


def _flag(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _check_list(settings: Settings, field: str, read: Callable[[tuple[str, ...]], object], name: str) -> None:
    """Raises `SettingsError`, which calls the setting `name`, for a list that `read` refuses."""
    try:
        read(getattr(settings, field))
    except InvalidValue as error:
        raise SettingsError(f"{name}: {error.msg}") from error


def _check_entries(settings: Settings, field: str, read: Callable[[str], object]) -> None:
    """Raises `SettingsError` for an entry that `read` refuses; it does not repeat a secret."""
    entries: tuple[str, ...] = getattr(settings, field)
    for number, entry in enumerate(entries, 1):
        try:
            read(entry)
        except InvalidValue as error:
            raise SettingsError(f"{variable(field)}: entry {number} {error.msg}") from error


def _check_first_user(settings: Settings) -> None:
    """Checks the first user's name and password by the rules for every user. Raises `SettingsError`."""
    username = settings.admin_username or DEFAULT_USERNAME
    try:
        check_username("admin_username", username)
        if settings.admin_password is not None:
            check_password("admin_password", settings.admin_password, username)
    except InvalidValue as error:
        raise SettingsError(f"{variable(error.loc)} {error.msg}") from error


def _check_notifications(settings: Settings) -> None:
    """Checks addresses and that a mail has a sender. Raises `SettingsError`, which does not repeat a password."""
    try:
        if settings.public_url is not None:
            check_url("public_url", settings.public_url)
        server = None if settings.smtp_url is None else read_smtp_url(settings.smtp_url)
    except InvalidValue as error:
        raise SettingsError(f"{variable(error.loc or 'smtp_url')} {error.msg}") from error
    if settings.mail_from is not None and not is_mail_address(settings.mail_from):
        raise SettingsError("LAPINQ_MAIL_FROM must be a mail address such as lapinq@example.org")
    if server is not None and settings.mail_from is None and not is_mail_address(server.user or ""):
        raise SettingsError("LAPINQ_SMTP_URL needs LAPINQ_MAIL_FROM, the address to send from")


def _check_metrics_ports(settings: Settings) -> None:
    """Each process of the API has a port. Raises `SettingsError` if there are too few."""
    first = settings.metrics_port
    if first and first + settings.api_processes - 1 > _HIGHEST_PORT:
        raise SettingsError(
            f"LAPINQ_METRICS_PORT ({first}): {settings.api_processes} processes need a port each from there on, and the"
            f" highest port is {_HIGHEST_PORT}"
        )


def _read(environ: Mapping[str, str], field: str) -> object:
    for name in variables(field):
        if (value := _read_variable(environ, name, field)) is not None:
            return value
    return None


def _read_variable(environ: Mapping[str, str], name: str, field: str) -> object:
    raw = environ.get(name)
    path = environ.get(f"{name}_FILE") if field in SECRETS else None
    if path == "" and field in GUARDS:
        raise EmptySetting(f"{name}_FILE")
    if path:
        if raw:
            raise SettingsError(f"{name} and {name}_FILE are both set; use one")
        try:
            raw = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise SettingsError(f"{name}_FILE: {error}") from error
        if not raw:
            raise EmptySetting(f"{name}_FILE: {path}")
    if raw is not None and field.endswith("port") and raw.startswith("tcp://"):
        raise SettingsError(
            f"{name} is set by Kubernetes, for a service of that name: set enableServiceLinks: false in the pod,"
            " or rename the service"
        )
    return None if raw is None else _value(name, field, raw)


def _value(name: str, field: str, raw: object) -> object:
    """The value for `raw`; None if it is empty and guards nothing. Raises `SettingsError`, which calls it `name`."""
    if field in _DATABASE_URLS and isinstance(raw, str):
        try:
            check_login(raw)
        except InvalidValue as error:
            raise SettingsError(f"{name}: {error.msg}") from None
        raw = libpq_url(raw)
    if field not in GUARDS:
        return None if raw == "" else _converted(name, field, raw)
    value = None if is_empty(raw) else _converted(name, field, raw)
    if value is None or is_empty(value):
        raise EmptySetting(name)
    return value
