"""Measure the cost of one and of three registries that share a PostgreSQL.

    python -m tests.bench.cluster

Prints CPU seconds of the registries and the database in one run, the figures of SCALING.md. There
is no wall time, since the clients share the cores with the servers on this machine.
"""

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psycopg

from tests.faults.crowd import CHEAP, Member, cpu_s, resident_kib
from tests.postgres import Postgres
from tests.programs import WITH_EXTRAS, Serve, running

USERS = int(sys.argv[1]) if len(sys.argv) > 1 else 600
LOOK_UPS = 5_000


def database_cpu_s(database: Postgres) -> float:
    """Return the CPU seconds used by PostgreSQL, ended processes included."""
    used = 0
    for i, pid in enumerate(database.pids()):
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        used += sum(map(int, fields[11:15] if i == 0 else fields[11:13]))
    return used / os.sysconf("SC_CLK_TCK")


class Cost:
    """What nodes and database have used since it was created."""

    def __init__(self, nodes: list[Serve], database: Postgres) -> None:
        self._nodes = nodes
        self._database = database
        self._before = sum(map(cpu_s, nodes)), database_cpu_s(database)

    def of(self, what: str, count: int) -> None:
        """Print the cost of each of this many operations."""
        nodes = sum(map(cpu_s, self._nodes)) - self._before[0]
        database = database_cpu_s(self._database) - self._before[1]
        print(f"| {what} | {1e6 * nodes / count:.0f} | {1e6 * database / count:.0f} |", flush=True)


def measure(database: Postgres, folder: Path, count: int) -> None:
    """Measure this many nodes."""
    url = database.new_database()
    print(f"\n| {count} nodes, us of CPU each | registries | database |\n|---|---|---|")
    with ExitStack() as stack:
        nodes = []
        for i in range(count):
            nodes.append(Serve(folder / f"{count}-{i}", *CHEAP, "--database", url, env=WITH_EXTRAS))
            stack.enter_context(running(nodes[-1]))
        empty = sum(map(resident_kib, nodes))
        members = [Member(nodes[i % count], f"user{i}", port=1024 + i) for i in range(USERS)]
        cost = Cost(nodes, database)
        for i, member in enumerate(members):
            member.close()
            members[i] = Member(
                nodes[(i + 1) % count], f"user{i}", token=member.grant["token"], port=1024 + i
            )
        cost.of("login by token, with its port", USERS)
        print(f"memory: {(sum(map(resident_kib, nodes)) - empty) / USERS:.1f} KiB a user")
        cost = Cost(nodes, database)
        for i in range(LOOK_UPS):
            assert members[0].finds(f"user{i * count % USERS}") == "ONLINE"
        cost.of("look-up of somebody at the same node", LOOK_UPS)
        cost = Cost(nodes, database)
        for i in range(LOOK_UPS):
            name = f"user{(i * count + 1) % USERS}" if count > 1 else "nobody"
            assert members[0].finds(name) != "OFFLINE"
        cost.of("look-up of somebody at another node, or of nobody", LOOK_UPS)
        with psycopg.connect(url) as connection:
            for table in ("account", "token", "presence"):
                size = connection.execute(
                    "SELECT pg_total_relation_size(%s) / %s", (table, USERS)
                ).fetchone()
                print(f"{table}: {size and size[0]} bytes a user, indexes and dead rows included")


def main() -> None:
    """Measure one node, then three."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # PostgreSQL runs as another user if we are root
        database = Postgres(Path(folder) / "postgres")
        try:
            for count in (1, 3):
                measure(database, Path(folder), count)
        finally:
            database.close()


if __name__ == "__main__":
    main()
