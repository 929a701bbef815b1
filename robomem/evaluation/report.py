"""Figures with n, seeds and 95 % intervals: the one contract of every `robomem bench NAME` and `robomem eval NAME`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robomem.errors import InvalidInputError

RESAMPLES = 2000


def parse_seeds(text: str) -> list[int]:
    """Seeds of "0-9", "3" or "0-4,8".

    Raises:
        InvalidInputError: not a list of seeds.
    """
    seeds: list[int] = []
    try:
        for part in text.split(","):
            low, _, high = part.strip().partition("-")
            seeds += range(int(low), int(high or low) + 1)
    except ValueError as error:
        raise InvalidInputError(f"--seeds: expected A-B or A,B,C, got '{text}'") from error
    if not seeds or len(seeds) > 10_000:
        raise InvalidInputError(f"--seeds: expected 1 to 10,000 seeds, got '{text}'")
    return seeds


def bootstrap_ci(
    values: Sequence[float], statistic: Callable[[np.ndarray], float] = lambda v: float(np.mean(v)), seed: int = 0
) -> list[float]:
    """95 % percentile-bootstrap interval [low, high] of a statistic over independent units (homes, not frames)."""
    data = np.asarray(values, float)
    data = data[np.isfinite(data)]
    if len(data) == 0:
        return [float("nan"), float("nan")]
    rng = np.random.default_rng(seed)
    draws = [statistic(data[rng.integers(0, len(data), len(data))]) for _ in range(RESAMPLES)]
    low, high = np.percentile(draws, (2.5, 97.5))
    return [round(float(low), 4), round(float(high), 4)]


def wilson_ci(successes: int, n: int) -> list[float]:
    """95 % Wilson interval of a rate: honest at 10 of 10, where a bootstrap says [1, 1]."""
    if n == 0:
        return [0.0, 1.0]
    z, p = 1.96, successes / n
    mid, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return [round(float((mid - half) / scale), 4), round(float((mid + half) / scale), 4)]


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    """Rows as an aligned text table."""
    if not rows:
        return "(no rows)"
    names = list(columns or rows[0])
    cells = [[_cell(row.get(name, "")) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[k]) for line in cells)) for k, name in enumerate(names)]
    lines = ["  ".join(name.ljust(w) for name, w in zip(names, widths, strict=True))]
    lines.append("  ".join("-" * w for w in widths))
    lines += ["  ".join(c.rjust(w) if _numeric(c) else c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in cells]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _numeric(text: str) -> bool:
    return text[:1].isdigit() or text[:1] == "-"


def write_json(figures: Mapping[str, Any], out: str | Path | None) -> str:
    """The figures as one JSON line; also written, indented, to `out`. NaN and infinity, which JSON has no word for, are null."""
    plain = json.loads(json.dumps(figures, default=_plain), parse_constant=lambda _: None)
    if out:
        path = Path(out)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(plain, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return json.dumps(plain, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return str(value)
