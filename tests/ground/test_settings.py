"""Settings: every good and bad value, one line for every wrong one."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import pytest

from marketplace import settings as ground
from marketplace.settings import Settings, WrongSetting

SECRET = "s" * 32
SEED = base64.b64encode(bytes(range(32))).decode()

GOOD = {
    "ENVIRONMENT": [("development", "development"), ("test", "test"), (" test ", "test")],
    "DATABASE_URL": [
        ("postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgres://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
    ],
    "DATABASE_OWNER_URL": [("postgres://o@h/d", "postgresql+psycopg://o@h/d")],
    "DATA_DIR": [("/somewhere", "/somewhere")],
    "REDIS_URL": [(url, url) for url in ("redis://h:1/0", "rediss://h", "unix:///s")],
    "SECRET_KEY": [(SECRET, SECRET)],
    "PUBLIC_URL": [(url, url) for url in ("http://a", "https://a.example")],
    "DOCS_ENABLED": [("true", True), ("FALSE", False)],
    "LOG_FORMAT": [(form, form) for form in ground.LOG_FORMATS],
    "LOG_LEVEL": [(level, level) for level in ground.LOG_LEVELS],
    "WORKER_EMBEDDED": [("false", False), ("True", True)],
    "WORKER_CONCURRENCY": [("1", 1), ("64", 64)],
    "TRUSTED_PROXY_HOPS": [("0", 0), ("5", 5)],
    "CORS_ORIGINS": [("https://a.example", "https://a.example")],
    "RATE_LIMITS_ENABLED": [("false", False)],
    "DATABASE_POOL_SIZE": [("1", 1), ("200", 200)],
    "DATABASE_POOL_OVERFLOW": [("0", 0)],
    "DATABASE_POOL_TIMEOUT_SECONDS": [("60", 60)],
    "STATEMENT_TIMEOUT_MS": [("100", 100)],
    "LOCK_TIMEOUT_MS": [("60000", 60_000)],
    "IDLE_IN_TRANSACTION_TIMEOUT_MS": [("1000", 1_000)],
    "SESSION_DAYS": [("365", 365)],
    "LOGIN_CODE_MINUTES": [("60", 60)],
    "HOLD_MINUTES": [("1", 1)],
    "HOLD_MINUTES_GUEST": [("3", 3)],
    "HOLD_NETWORK_PERMILLE": [("0", 0), ("1000", 1_000)],
    "IDEMPOTENCY_DAYS": [("3", 3)],
    "READS_SHARED_MS": [("0", 0), ("1000", 1_000)],
    "PROGRESS_STREAMS_MAX": [("0", 0), ("64", 64)],
    "PROGRESS_STREAM_SECONDS": [("1", 1), ("600", 600)],
    "SECRET_KEY_BEFORE": [("b" * 32, "b" * 32)],
    "FORECAST_HAIRCUT_BASE_PERMILLE": [("0", 0)],
    "FORECAST_HAIRCUT_WEEKLY_PERMILLE": [("1000", 1_000)],
    "FORECAST_HAIRCUT_MOST_PERMILLE": [("250", 250)],
    "WEBHOOK_PORTS": [("443", "443"), ("443, 8443", "443,8443")],
    "METRICS_TOKEN": [("t", "t")],
    "STRIPE_SECRET_KEY": [(key, key) for key in ("sk_test_" + "k" * 20, "rk_live_" + "k" * 20)],
    "STRIPE_WEBHOOK_SECRET": [("whsec_" + "s" * 32, "whsec_" + "s" * 32)],
    "STRIPE_METHODS": [("card", "card"), ("card, alipay", "card,alipay")],
    "BALANCE_CHARGED_AFTER_HOURS": [("1", 1), ("720", 720)],
    "STRIPE_CAPTURE": [(each, each) for each in ("automatic", "manual")],
    "PAYOUT_ACCOUNT_NAME": [("宜君县果业平台", "宜君县果业平台")],
    "PAYOUT_ACCOUNT_NUMBER": [("6100123456789", "6100123456789")],
    "PAYOUT_ACCOUNT_IBAN": [("DE89370400440532013000", "DE89370400440532013000")],
    "PAYOUT_ACCOUNT_BIC": [("ICBKCNBJ", "ICBKCNBJ")],
    "PAYOUT_ACCOUNT_CNAPS": [("102791000018", "102791000018")],
    "STRIPE_API_BASE": [
        (url, url)
        for url in ("https://a.example", "http://127.0.0.1:12111", "http://localhost:1", "http://[::1]:1")
    ],
    "STRIPE_RETURN_URL": [("https://a.example/back", "https://a.example/back")],
    "NOTIFY_CHANNELS": [("console", "console"), (" console ", "console")],
    "NOTIFY_QUIET_HOURS": [("0-0", "0-0"), ("23-6", "23-6")],
    "COMPANY_PREFIX": [("952123", "952123"), ("6901234567", "6901234567")],
    "TRACE_SIGNING_KEY": [(SEED, SEED)],
    "TRACE_CHECKPOINTS_DIR": [("/mnt/kept", "/mnt/kept")],
    "NOTIFY_ZONE": [("UTC", "UTC"), ("Europe/Berlin", "Europe/Berlin")],
    "NOTIFY_WEBHOOK_URL": [("https://a.example/x", "https://a.example/x")],
    "NOTIFY_WEBHOOK_TOKEN": [("t", "t")],
    "SMTP_HOST": [("mail.example.org", "mail.example.org")],
    "SMTP_PORT": [("465", 465)],
    "SMTP_SECURITY": [(kind, kind) for kind in ("starttls", "tls", "none")],
    "SMTP_USER": [("u", "u")],
    "SMTP_PASSWORD": [("p", "p")],
    "SMTP_FROM": [("a@b.example", "a@b.example"), ("Orchard <a@b.example>", "Orchard <a@b.example>")],
    "SMTP_TIMEOUT_SECONDS": [("20", 20)],
}

NOT_WHOLE = ["-1", "1.5", "1e3", "1_0", "٣", "９", "many", "+1", "0x10", "9" * 30]
BAD = {
    "ENVIRONMENT": ["Production", "live"],
    "DATABASE_URL": ["mysql://h/d", "h", "sqlite:///x"],
    "DATABASE_OWNER_URL": ["http://h"],
    "REDIS_URL": ["h:6379", "http://h"],
    "SECRET_KEY": ["short", "s" * 31],
    "PUBLIC_URL": ["ftp://a", "a.example"],
    "DOCS_ENABLED": ["1", "yes", "on"],
    "LOG_FORMAT": ["xml"],
    "LOG_LEVEL": ["info", "TRACE"],
    "WORKER_EMBEDDED": ["0"],
    "WORKER_CONCURRENCY": ["0", "65", *NOT_WHOLE],
    "TRUSTED_PROXY_HOPS": ["6", *NOT_WHOLE],
    "RATE_LIMITS_ENABLED": ["off"],
    "DATABASE_POOL_SIZE": ["0", "201", *NOT_WHOLE],
    "DATABASE_POOL_OVERFLOW": ["201", *NOT_WHOLE],
    "DATABASE_POOL_TIMEOUT_SECONDS": ["0", "61", *NOT_WHOLE],
    "STATEMENT_TIMEOUT_MS": ["99", "600001", *NOT_WHOLE],
    "LOCK_TIMEOUT_MS": ["0", "60001", *NOT_WHOLE],
    "IDLE_IN_TRANSACTION_TIMEOUT_MS": ["999", *NOT_WHOLE],
    "SESSION_DAYS": ["0", "366", *NOT_WHOLE],
    "LOGIN_CODE_MINUTES": ["0", "61", *NOT_WHOLE],
    "HOLD_MINUTES": ["0", "61", *NOT_WHOLE],
    "HOLD_MINUTES_GUEST": ["0", "61", *NOT_WHOLE],
    "HOLD_NETWORK_PERMILLE": ["1001", *NOT_WHOLE],
    "IDEMPOTENCY_DAYS": ["2", "366", *NOT_WHOLE],
    "READS_SHARED_MS": ["1001", *NOT_WHOLE],
    "PROGRESS_STREAMS_MAX": ["65", *NOT_WHOLE],
    "PROGRESS_STREAM_SECONDS": ["0", "601", *NOT_WHOLE],
    "SECRET_KEY_BEFORE": ["short", "s" * 31],
    "NOTIFY_CHANNELS": ["pigeon", "console,console", "console,", "email", "webhook"],
    "NOTIFY_QUIET_HOURS": ["22", "24-7", "22-7-1", "-1-7", "a-b"],
    "COMPANY_PREFIX": ["95212", "69012345678", "95212a", "９５２１２３"],
    "TRACE_SIGNING_KEY": ["x", "c2hvcnQ=", SEED[:-4], SEED + "AAAA", "not base64!"],
    "NOTIFY_ZONE": ["Mars/Olympus", "../etc/passwd", "/"],
    "NOTIFY_WEBHOOK_URL": ["ftp://a", "a.example"],
    "SMTP_PORT": ["0", "65536", *NOT_WHOLE],
    "SMTP_SECURITY": ["ssl", "TLS"],
    "SMTP_FROM": ["nobody", "a@b\r\nBcc: c@d", "a@b, c@d"],
    "SMTP_TIMEOUT_SECONDS": ["0", "21", *NOT_WHOLE],
    "FORECAST_HAIRCUT_BASE_PERMILLE": ["1001", *NOT_WHOLE],
    "FORECAST_HAIRCUT_WEEKLY_PERMILLE": ["1001", *NOT_WHOLE],
    "FORECAST_HAIRCUT_MOST_PERMILLE": ["1001", *NOT_WHOLE],
    "STRIPE_SECRET_KEY": ["pk_test_" + "k" * 20, "sk_short", "sk_" + "é" * 20, "sk_" + "k" * 300],
    "STRIPE_WEBHOOK_SECRET": ["sk_test_" + "k" * 20, "whsec_"],
    "STRIPE_API_BASE": [
        "http://a.example",
        "ftp://127.0.0.1",
        "https://a.example/v1",
        "http://127.0.0.1.example",
        "https://u@a",
    ],
    "STRIPE_METHODS": ["paypal", "card,card", "card,"],
    "BALANCE_CHARGED_AFTER_HOURS": ["0", "721", *NOT_WHOLE],
    "STRIPE_CAPTURE": ["later", "Manual", "automatic,manual"],
    "PAYOUT_ACCOUNT_NAME": ["nobody's account"],
    "STRIPE_RETURN_URL": ["a.example", "javascript:x"],
    "WEBHOOK_PORTS": ["0", "65536", "443;8443", "443,", "all"],
}
WITH = {"PAYOUT_ACCOUNT_NAME": {"PAYOUT_ACCOUNT_NUMBER": "6100123456789"}}
"""What is taken only together with something else."""

FREE_TEXT = {
    "PAYOUT_ACCOUNT_NUMBER",
    "PAYOUT_ACCOUNT_IBAN",
    "PAYOUT_ACCOUNT_BIC",
    "PAYOUT_ACCOUNT_CNAPS",
    "SMTP_HOST",
    "SMTP_USER",
    "SMTP_PASSWORD",
    "NOTIFY_WEBHOOK_TOKEN",
    "DATA_DIR",
    "TRACE_CHECKPOINTS_DIR",
    "CORS_ORIGINS",
    "METRICS_TOKEN",
}


@pytest.mark.parametrize(
    ("name", "raw", "meant"), [(n, raw, meant) for n, pairs in GOOD.items() for raw, meant in pairs]
)
def test_a_good_value_is_taken(name, raw, meant):
    found = Settings.from_env({"SECRET_KEY": SECRET, name: raw, **WITH.get(name, {})})
    assert getattr(found, name.lower()) == meant


@pytest.mark.parametrize(("name", "raw"), [(name, raw) for name, values in BAD.items() for raw in values])
def test_a_wrong_value_is_refused_in_one_line_that_names_the_setting(name, raw):
    with pytest.raises(WrongSetting) as caught:
        Settings.from_env({"SECRET_KEY": SECRET, name: raw})
    message = str(caught.value)
    assert message.startswith(name)
    assert "\n" not in message


def test_every_setting_is_tried_here():
    names = {each.name.upper() for each in fields(Settings)}
    assert set(GOOD) == names
    assert set(BAD) == names - FREE_TEXT
    assert {name.upper() for name in ground._PARSERS} == names


@pytest.mark.parametrize("name", sorted(set(GOOD) - {"SECRET_KEY"}))
def test_an_empty_value_means_the_default(name):
    assert Settings.from_env({"SECRET_KEY": SECRET, name: "  "}) == Settings(secret_key=SECRET)


def test_secrets_are_not_repeated_in_the_message():
    for name, raw in (
        ("SECRET_KEY", "hush-hush"),
        ("DATABASE_URL", "mysql://u:hush-hush@h/d"),
        ("STRIPE_SECRET_KEY", "hush-hush"),
        ("STRIPE_WEBHOOK_SECRET", "hush-hush"),
        ("STRIPE_API_BASE", "http://u:hush-hush@h"),
    ):
        with pytest.raises(WrongSetting) as caught:
            Settings.from_env({"SECRET_KEY": SECRET, name: raw})
        assert "hush-hush" not in str(caught.value)


def test_production_without_a_secret_is_refused(tmp_path):
    with pytest.raises(WrongSetting, match="SECRET_KEY"):
        Settings.from_env({"ENVIRONMENT": "production", "DATA_DIR": str(tmp_path)})
    assert not list(tmp_path.iterdir())


def test_elsewhere_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path):
    env = {"DATA_DIR": str(tmp_path / "new" / "folder")}
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: Settings.from_env(env).secret_key, range(64)))
    assert len(found) == 1
    assert len(found.pop()) >= 32
    (path,) = (tmp_path / "new" / "folder").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_broken_secret_file_is_told(tmp_path):
    (tmp_path / "secret_key").write_text("short")
    with pytest.raises(WrongSetting, match="too short"):
        Settings.from_env({"DATA_DIR": str(tmp_path)})


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WrongSetting, match="DATA_DIR"):
        Settings.from_env({"DATA_DIR": str(tmp_path / "file")})


def test_production_sends_a_key_that_moves_money_nowhere_unencrypted():
    env = {"ENVIRONMENT": "production", "SECRET_KEY": SECRET, "STRIPE_API_BASE": "http://127.0.0.1:1"}
    with pytest.raises(WrongSetting, match="STRIPE_API_BASE"):
        Settings.from_env(env)


def test_only_production_is_production():
    assert Settings(environment="production").is_production
    assert not Settings().is_production
