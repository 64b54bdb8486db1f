"""Every figure of docs/performance.md, with its bar and its baseline, in one run.

python -m tests.bench.run [--only pay,core,wire,flood,start,idle,console] [--seconds N]
    [--events N] [--json]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench.rows import Row, machine, table

REPO = Path(__file__).resolve().parents[2]
CONSOLE = "tests.bench.console_load"


def pay(given: argparse.Namespace) -> list[Row]:
    """Allowed payments."""
    from tests.bench import pay

    return pay.rows(given.seconds)


def core(_given: argparse.Namespace) -> list[Row]:
    """The decision alone."""
    from tests.bench import core

    return core.rows()


def wire(given: argparse.Namespace) -> list[Row]:
    """Over the socket."""
    from tests.bench import wire

    return wire.rows(given.seconds)


def flood(given: argparse.Namespace) -> list[Row]:
    """Honest clients beside an agent that floods."""
    from tests.bench import flood

    return flood.rows(given.seconds)


def start(given: argparse.Namespace) -> list[Row]:
    """With a long journal."""
    from tests.bench import rest

    return rest.start_rows(given.events)


def idle(_given: argparse.Namespace) -> list[Row]:
    """Nothing to do."""
    from tests.bench import rest

    return rest.idle_rows()


def console(given: argparse.Namespace) -> list[Row]:
    """The console at 1,000 events a second; its script prints `{"cpu_percent", "key_ms_p99"}`."""
    if importlib.util.find_spec(CONSOLE) is None:
        return []
    done = subprocess.run(
        [sys.executable, "-m", CONSOLE, "--json"],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    told = json.loads(done.stdout)
    return [
        Row("console at 1,000 events/s, processor", told["cpu_percent"], "% of a core", 20.0),
        Row("console, key to screen, p99", told["key_ms_p99"], "ms", 50.0),
    ]


PARTS: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
    "pay": pay,
    "core": core,
    "wire": wire,
    "flood": flood,
    "start": start,
    "idle": idle,
    "console": console,
}


def main() -> int:
    """Prints the table or JSON; never fails by a time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    about = machine()
    rows: list[Row] = []
    for name in given.only.split(","):
        print(f"measuring {name}", file=sys.stderr)
        rows += PARTS[name](given)
    if given.json:
        print(json.dumps({"machine": about, "rows": [row.as_dict() for row in rows]}, indent=2))
    else:
        print(f"{about['cores']} cores, {about['cpu']}, Python {about['python']}\n")
        print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
