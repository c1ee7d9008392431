"""All benchmarks, one table: ``python -m tests.benchmarks [name …]``. Each row is a ratio measured in one run.

A study has flags of its own: ``python -m tests.benchmarks tracking_quality --help``.
"""

import importlib
import sys

from rich.console import Console
from rich.table import Table

BENCHMARKS = ["fusion", "tracking", "merging", "long_video", "memory", "training", "detectors", "dag"]
STUDIES = ["flow", "tracking_quality", "refine", "pictures", "many_short"]


def main(names: list[str]) -> None:
    """Run the benchmarks named, or all, and print their rows; or a study, which takes the words behind its name."""
    if names and names[0] in STUDIES:
        importlib.import_module(f"tests.benchmarks.{names[0]}").main(names[1:])
        return
    table = Table(title="Speed and memory, as ratios of one run")
    for column in ["benchmark", "what", "ours", "against", "theirs", "ratio", "goal"]:
        table.add_column(column, overflow="fold")
    for name in names or BENCHMARKS:
        for row in importlib.import_module(f"tests.benchmarks.{name}").measure():
            table.add_row(
                name, *(_cell(row.get(key, "")) for key in ["what", "ours", "peer", "peer_value", "ratio", "goal"])
            )
    Console(width=150).print(table)


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main(sys.argv[1:])
