"""`robomem bench demo_uniform`: the demo's task when the mug goes anywhere: what memory is worth without habits to learn."""

from __future__ import annotations

from typing import Any

from benchmarks import demo
from robomem.evaluation.registry import BenchArgs


def run(args: BenchArgs) -> dict[str, Any]:
    """As `demo`, but the last move goes to a surface drawn evenly from the home's."""
    return demo.run(args, habits=False)
