#!/usr/bin/env python
"""Benchmarks beside their floors (contract §6): `python benchmarks/run.py [NAME] [--size N] [--json]`.

Every benchmark runs in a process and on a database of its own, made and dropped on the server that
`manage.py` would use, so that neither its memory nor its rows are those of another.
"""

import argparse
import importlib
import os
import subprocess
import sys
from pathlib import Path

# Run as a file: the checkout takes the place of this folder on the path.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

import django  # noqa: E402

from benchmarks import harness  # noqa: E402

# Name → size by default.
BENCHMARKS = {
    "intake": 40_000,
    "advance": 100_000,
    "mixed": 20_000,
    "wakeup": 100_000,
    "tick": 100_000,
    "enrol": 100_000,
    "accrue": 100_000,
    "redemption": 2000,
    "latency": 6_000,
    "send": 6_000,
    "tracking": 4_000,
    "admin_log": 1_000_000,
    "rfm": 100_000,
    "segment": 100_000,
    "results": 100_000,
}


def main() -> int:
    """Runs what was asked for; answers the exit status."""
    parser = argparse.ArgumentParser(description="Measures the product beside the cheapest program that does the same.")
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--size", type=int, metavar="N", help="rows, or events (each benchmark has its own default)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--due", type=int, metavar="N", help="advance: so many runs are due, --size of them advanced")
    options = parser.parse_args()
    if options.name and options.name not in BENCHMARKS:
        parser.error(f"NAME: there is no benchmark {options.name!r}; one of: {', '.join(BENCHMARKS)}")
    for field in ("size", "due"):
        given = getattr(options, field)
        if given is not None and given < 1:
            parser.error(f"--{field}: must be at least 1")
    if options.name is None:
        return max(subprocess.run([sys.executable, __file__, name, *sys.argv[1:]]).returncode for name in BENCHMARKS)
    size = options.size or BENCHMARKS[options.name]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    with harness.throw_away_services():
        django.setup()
        harness.migrate()
        # Imported here by name: models can only be imported once Django knows its database.
        benchmark = importlib.import_module(f"benchmarks.{options.name}")
        result = benchmark.run(size, max(options.due or size, size)) if options.due else benchmark.run(size)
        print(result.json() if options.json else result.line(), flush=True)
        harness.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
