"""What a process loads: Stripe's library is large, and needed with its key alone."""

import subprocess
import sys

import pytest

from marketplace.settings import PROJECT_ROOT

PROGRAM = """
import sys
import wsgi
from marketplace.settings import Settings
app = wsgi.build(Settings(environment="test", database_url="postgresql+psycopg://nowhere/none",
    secret_key="only-for-tests-" * 4, worker_embedded=False, stripe_secret_key={key!r}))
print("stripe" in sys.modules, app.extensions["remote_gateway"] is not None)
"""


@pytest.mark.parametrize(("key", "is_loaded"), [("", False), ("sk_test_" + "k" * 24, True)])
def test_stripe_is_loaded_with_its_key_alone(key: str, is_loaded: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(key=key)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(is_loaded)] * 2
