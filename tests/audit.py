"""`python -m tests.audit`: known weaknesses in the pinned requirements; says so when nothing could be looked up."""

import json
import subprocess
import sys

from marketplace.settings import PROJECT_ROOT


def main() -> int:
    """0 when nothing is known or nothing could be asked, 1 when a pinned version has a known weakness."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip"),
            *("--format", "json", "--progress-spinner", "off"),
            *("-r", str(PROJECT_ROOT / "requirements.txt")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"The dependency audit could not reach its source; nothing was looked up: {reason}")
        return 0
    weak = [each for each in found if each.get("vulns")]
    unasked = [each["name"] for each in found if "skip_reason" in each]
    for each in weak:
        print(f"{each['name']} {each['version']}: {', '.join(weakness['id'] for weakness in each['vulns'])}")
    if len(unasked) == len(found):
        print(
            f"The dependency audit could not reach its source: none of {len(found)} packages was looked up."
        )
    elif unasked:
        print(f"{len(found)} packages looked up but for {len(unasked)}: {', '.join(unasked)}")
    else:
        print(f"{len(found)} packages looked up; {len(weak)} with known weaknesses.")
    return 1 if weak else 0


if __name__ == "__main__":
    sys.exit(main())
