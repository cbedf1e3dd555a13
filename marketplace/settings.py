"""Settings: read once from the environment, checked at once, never changed."""

import base64
import contextlib
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

PROJECT_ROOT: Final = Path(__file__).resolve().parent.parent

ENVIRONMENTS: Final = ("development", "production", "test")
LOG_FORMATS: Final = ("auto", "json", "text")
NOTIFY_CHANNELS: Final = ("console", "email", "webhook")
STRIPE_METHODS: Final = ("card", "alipay", "wechat_pay")
STRIPE_CAPTURES: Final = ("automatic", "manual")
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")


class WrongSetting(ValueError):
    """A setting that cannot be used; the message is one line that names it, its value and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, by the lower-case name of its environment variable (`.env.example` explains each)."""

    environment: str = "development"
    database_url: str | None = None
    database_owner_url: str | None = None
    data_dir: str | None = None
    redis_url: str | None = None
    secret_key: str = ""
    secret_key_before: str = ""
    public_url: str = "http://127.0.0.1:8000"
    docs_enabled: bool = True
    log_format: str = "auto"
    log_level: str = "INFO"
    worker_embedded: bool = True
    worker_concurrency: int = 2
    trusted_proxy_hops: int = 0
    cors_origins: str = ""
    rate_limits_enabled: bool = True
    database_pool_size: int = 5
    database_pool_overflow: int = 5
    database_pool_timeout_seconds: int = 5
    statement_timeout_ms: int = 15_000
    lock_timeout_ms: int = 3_000
    idle_in_transaction_timeout_ms: int = 30_000
    session_days: int = 30
    login_code_minutes: int = 10
    hold_minutes: int = 10
    hold_minutes_guest: int = 5
    hold_network_permille: int = 100
    idempotency_days: int = 7
    reads_shared_ms: int = 100
    progress_streams_max: int = 4
    progress_stream_seconds: int = 60
    forecast_haircut_base_permille: int = 50
    forecast_haircut_weekly_permille: int = 20
    forecast_haircut_most_permille: int = 400
    webhook_ports: str = "443"
    metrics_token: str = ""
    stripe_secret_key: str = ""
    stripe_webhook_secret: str = ""
    stripe_api_base: str = ""
    stripe_methods: str = "card,alipay,wechat_pay"
    stripe_capture: str = "automatic"
    stripe_return_url: str = ""
    balance_charged_after_hours: int = 24
    payout_account_name: str = ""
    payout_account_number: str = ""
    payout_account_iban: str = ""
    payout_account_bic: str = ""
    payout_account_cnaps: str = ""
    company_prefix: str = "9521234"
    trace_signing_key: str = ""
    trace_checkpoints_dir: str = ""
    notify_channels: str = "console"
    notify_quiet_hours: str = "22-7"
    notify_zone: str = "Asia/Shanghai"
    notify_webhook_url: str = ""
    notify_webhook_token: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: str = "starttls"
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_from: str = "no-reply@localhost"
    smtp_timeout_seconds: int = 10

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read every setting from `env` (default: the process environment); raises WrongSetting."""
        source = os.environ if env is None else env
        values: dict[str, Any] = {}
        for setting in fields(cls):
            raw = source.get(setting.name.upper(), "").strip()
            if raw:
                values[setting.name] = _PARSERS[setting.name](setting.name.upper(), raw)
        settings = cls(**values)
        _check_notifications(settings)
        _check_stripe(settings)
        _check_payer(settings)
        if settings.secret_key:
            return settings
        if settings.environment == "production":
            raise WrongSetting("SECRET_KEY is missing: production needs a secret of at least 32 characters.")
        return cls(**{**values, "secret_key": _local_secret(settings.data_folder)})

    @property
    def data_folder(self) -> Path:
        """Where this installation keeps what it makes itself."""
        return Path(self.data_dir) if self.data_dir else PROJECT_ROOT / "var"

    @property
    def is_production(self) -> bool:
        return self.environment == "production"


def _check_notifications(settings: Settings) -> None:
    """A channel that is named has what it needs; raises WrongSetting."""
    chosen = settings.notify_channels.split(",")
    if "email" in chosen and not settings.smtp_host:
        raise WrongSetting("NOTIFY_CHANNELS names email: set SMTP_HOST.")
    if "webhook" in chosen and not settings.notify_webhook_url:
        raise WrongSetting("NOTIFY_CHANNELS names webhook: set NOTIFY_WEBHOOK_URL.")


def _check_stripe(settings: Settings) -> None:
    """A secret key that moves money is sent nowhere unencrypted; raises WrongSetting."""
    if settings.is_production and settings.stripe_api_base.startswith("http:"):
        raise WrongSetting("STRIPE_API_BASE is not for production: leave it empty.")


def _check_payer(settings: Settings) -> None:
    """Who pays has an account, by its number or its IBAN; raises WrongSetting."""
    numbers = (settings.payout_account_number, settings.payout_account_iban)
    if settings.payout_account_name and (all(numbers) or not any(numbers)):
        raise WrongSetting(
            "PAYOUT_ACCOUNT_NAME is set: set PAYOUT_ACCOUNT_NUMBER or PAYOUT_ACCOUNT_IBAN, one of them."
        )


def _local_secret(folder: Path) -> str:
    """The development secret: made once per data folder, readable by its owner only."""
    path = folder / "secret_key"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(48))
        kept = path.read_text().strip()
    except OSError as problem:
        raise WrongSetting(f"DATA_DIR {folder} cannot be used: {problem.strerror}.") from None
    if len(kept) < 32:
        raise WrongSetting(f"{path} is empty or too short: remove it and start again.")
    return kept


def _write_once(path: Path, text: str) -> None:
    """Whole or not at all, and the first of several processes wins: written aside, then linked into place."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()


def _text(_name: str, raw: str) -> str:
    return raw


def _one_of(*allowed: str) -> Callable[[str, str], str]:
    def parse(name: str, raw: str) -> str:
        if raw not in allowed:
            raise WrongSetting(f"{name} is {raw!r}: it must be one of {', '.join(allowed)}.")
        return raw

    return parse


def _some_of(*allowed: str) -> Callable[[str, str], str]:
    def parse(name: str, raw: str) -> str:
        chosen = [each.strip() for each in raw.split(",")]
        if len(set(chosen)) < len(chosen) or not set(chosen) <= set(allowed):
            raise WrongSetting(f"{name} is {raw!r}: it must be some of {', '.join(allowed)}.")
        return ",".join(chosen)

    return parse


def _whole(low: int, high: int) -> Callable[[str, str], int]:
    def parse(name: str, raw: str) -> int:
        if not raw.isascii() or not raw.isdigit() or not low <= int(raw) <= high:
            raise WrongSetting(f"{name} is {raw!r}: it must be a whole number from {low} to {high}.")
        return int(raw)

    return parse


def _flag(name: str, raw: str) -> bool:
    if raw.lower() not in ("true", "false"):
        raise WrongSetting(f"{name} is {raw!r}: it must be true or false.")
    return raw.lower() == "true"


def _url(*schemes: str) -> Callable[[str, str], str]:
    def parse(name: str, raw: str) -> str:
        if not raw.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise WrongSetting(f"{name} must start with {' or '.join(s + '://' for s in schemes)}.")
        return raw

    return parse


def _postgres_url(name: str, raw: str) -> str:
    checked = _url("postgresql", "postgres", "postgresql+psycopg")(name, raw)
    return "postgresql+psycopg://" + checked.split("://", 1)[1]


def _secret(name: str, raw: str) -> str:
    if len(raw) < 32:
        raise WrongSetting(f"{name} is too short: at least 32 characters.")
    return raw


def _seed(name: str, raw: str) -> str:
    try:
        seed = base64.b64decode(raw, validate=True)
    except ValueError:
        seed = b""
    if len(seed) != 32:
        raise WrongSetting(
            f"{name} is no key: it must be 32 bytes in base64, as `openssl rand -base64 32` gives."
        )
    return raw


def _company_prefix(name: str, raw: str) -> str:
    if not re.fullmatch(r"[0-9]{6,10}", raw, re.ASCII):
        raise WrongSetting(f"{name} is {raw!r}: it must be a company prefix of GS1, 6 to 10 digits.")
    return raw


def _ports(name: str, raw: str) -> str:
    parts = [part.strip() for part in raw.split(",")]
    if not all(part.isascii() and part.isdigit() and 1 <= int(part) <= 65_535 for part in parts):
        raise WrongSetting(f"{name} is {raw!r}: it must be ports from 1 to 65535, separated by commas.")
    return ",".join(str(int(part)) for part in parts)


def _hours(name: str, raw: str) -> str:
    found = re.fullmatch(r"([0-9]{1,2})-([0-9]{1,2})", raw, re.ASCII)
    if found is None or max(map(int, found.groups())) > 23:
        raise WrongSetting(f"{name} is {raw!r}: it must be two hours, such as 22-7 (0-0: never quiet).")
    return raw


def _zone(name: str, raw: str) -> str:
    try:
        ZoneInfo(raw)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongSetting(f"{name} is {raw!r}: it must be a time zone, such as Asia/Shanghai.") from None
    return raw


def _sender(name: str, raw: str) -> str:
    if not re.fullmatch(r"(?:[^<>\r\n\"@]+ <[^<>\s@]+@[^<>\s@]+>|[^<>\s@]+@[^<>\s@]+)", raw):
        raise WrongSetting(
            f"{name} is {raw!r}: it must be an address, such as Orchard <no-reply@example.org>."
        )
    return raw


def _begins(*beginnings: str) -> Callable[[str, str], str]:
    """A secret of somebody else's making, told apart by how it begins; its value is not repeated in a message."""

    def parse(name: str, raw: str) -> str:
        if not raw.startswith(beginnings) or not 16 <= len(raw) <= 255 or not raw.isascii():
            raise WrongSetting(f"{name} must begin with {' or '.join(beginnings)}.")
        return raw

    return parse


def _api_base(name: str, raw: str) -> str:
    """An address for a secret key: encrypted, or on this machine."""
    found = re.fullmatch(
        r"(?:https://[a-z0-9.-]+|http://(?:127\.0\.0\.1|localhost|\[::1\]))(?::[0-9]{1,5})?", raw
    )
    if found is None:
        raise WrongSetting(f"{name} must be https://host, or http:// on this machine.")
    return raw


_PARSERS: Final[dict[str, Callable[[str, str], Any]]] = {
    "environment": _one_of(*ENVIRONMENTS),
    "database_url": _postgres_url,
    "database_owner_url": _postgres_url,
    "data_dir": _text,
    "redis_url": _url("redis", "rediss", "unix"),
    "secret_key": _secret,
    "secret_key_before": _secret,
    "public_url": _url("http", "https"),
    "docs_enabled": _flag,
    "log_format": _one_of(*LOG_FORMATS),
    "log_level": _one_of(*LOG_LEVELS),
    "worker_embedded": _flag,
    "worker_concurrency": _whole(1, 64),
    "trusted_proxy_hops": _whole(0, 5),
    "cors_origins": _text,
    "rate_limits_enabled": _flag,
    "database_pool_size": _whole(1, 200),
    "database_pool_overflow": _whole(0, 200),
    "database_pool_timeout_seconds": _whole(1, 60),
    "statement_timeout_ms": _whole(100, 600_000),
    "lock_timeout_ms": _whole(100, 60_000),
    "idle_in_transaction_timeout_ms": _whole(1_000, 600_000),
    "session_days": _whole(1, 365),
    "login_code_minutes": _whole(1, 60),
    "hold_minutes": _whole(1, 60),
    "hold_minutes_guest": _whole(1, 60),
    "hold_network_permille": _whole(0, 1_000),
    "idempotency_days": _whole(3, 365),
    "reads_shared_ms": _whole(0, 1_000),
    "progress_streams_max": _whole(0, 64),
    "progress_stream_seconds": _whole(1, 600),
    "forecast_haircut_base_permille": _whole(0, 1_000),
    "forecast_haircut_weekly_permille": _whole(0, 1_000),
    "forecast_haircut_most_permille": _whole(0, 1_000),
    "webhook_ports": _ports,
    "metrics_token": _text,
    "stripe_secret_key": _begins("sk_", "rk_"),
    "stripe_webhook_secret": _begins("whsec_"),
    "stripe_api_base": _api_base,
    "stripe_methods": _some_of(*STRIPE_METHODS),
    "stripe_capture": _one_of(*STRIPE_CAPTURES),
    "stripe_return_url": _url("http", "https"),
    "balance_charged_after_hours": _whole(1, 720),
    "payout_account_name": _text,
    "payout_account_number": _text,
    "payout_account_iban": _text,
    "payout_account_bic": _text,
    "payout_account_cnaps": _text,
    "company_prefix": _company_prefix,
    "trace_signing_key": _seed,
    "trace_checkpoints_dir": _text,
    "notify_channels": _some_of(*NOTIFY_CHANNELS),
    "notify_quiet_hours": _hours,
    "notify_zone": _zone,
    "notify_webhook_url": _url("http", "https"),
    "notify_webhook_token": _text,
    "smtp_host": _text,
    "smtp_port": _whole(1, 65_535),
    "smtp_security": _one_of("starttls", "tls", "none"),
    "smtp_user": _text,
    "smtp_password": _text,
    "smtp_from": _sender,
    "smtp_timeout_seconds": _whole(1, 20),
}
