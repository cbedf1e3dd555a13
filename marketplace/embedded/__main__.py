"""`python -m marketplace.embedded status|stop|psql [DATA_DIR]`: look after the embedded database by hand."""

import os
import sys

from marketplace.embedded import binaries, cluster, databases, places, postgres
from marketplace.embedded.errors import CannotStart
from marketplace.settings import PROJECT_ROOT


def main(arguments: list[str]) -> int:
    if not 1 <= len(arguments) <= 2 or arguments[0] not in ("status", "stop", "psql"):
        print(__doc__, file=sys.stderr)
        return 2
    data_dir = arguments[1] if arguments[1:] else os.environ.get("DATA_DIR")
    folder = places.choose(data_dir, PROJECT_ROOT, postgres.tell)
    if arguments[0] == "stop":
        print("PostgreSQL was stopped." if postgres.stop(folder) else "PostgreSQL was not running.")
        return 0
    server = postgres.find_running(folder)
    if server is None:
        print(f"PostgreSQL does not run in {folder}.")
        return 1
    psql = [binaries.find().program("psql"), "-h", str(server.socket_folder), "-p", str(server.port)]
    psql += ["-U", cluster.OWNER_ROLE, databases.DATABASE]
    if arguments[0] == "status":
        print(f"PostgreSQL runs in {folder} (process {server.process.pid}): {' '.join(psql)}")
        return 0
    os.environ["PGPASSWORD"] = cluster.passwords(server.home)[cluster.OWNER_ROLE]
    os.execv(psql[0], psql)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CannotStart as problem:
        sys.exit(str(problem))
