"""bench store: the same rows for everybody, the truth by brute force, and robomem's own engine against it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import _store_data as data
from benchmarks import store as bench
from benchmarks._store_engines import Ours
from benchmarks._store_readers import GROUP, RATE, beside_a_writer


def test_a_larger_set_begins_with_the_smaller_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "CHUNK", 100)
    small, large = list(data.rows(200, 3)), list(data.rows(300, 3))
    assert [len(p.ids) for p in large] == [100, 100, 100]
    assert all(np.array_equal(a.vectors, b.vectors) and np.array_equal(a.ids, b.ids) for a, b in zip(small, large, strict=False))
    assert np.allclose(np.linalg.norm(small[0].vectors, axis=1), 1.0, atol=1e-6)


def test_our_engine_gives_what_comparing_everything_gives(tmp_path: Path) -> None:
    n, asked = 2500, data.questions(2500, 25, 0)
    right = data.truth(n, asked, 0)
    assert sum(map(len, right)) > 200  # or nothing is asked
    engine, row = bench._engine(Ours, tmp_path / "own", n, asked, right, 0, lambda _text: None)
    engine.close()
    assert row["recall"] >= 0.999 and row["records"] == n and 0 < row["p50_ms"] <= row["p95_ms"]
    figures = bench._file(tmp_path / "own" / "robomem.db", n, asked[0])
    assert 800 < figures["bytes_per_record"] < 1700


@pytest.mark.parametrize(("got", "share"), [([[1, 2], [3]], 1.0), ([[2], [3]], 2 / 3), ([[9, 9], []], 0.0)])
def test_recall_is_the_share_of_the_right_ids(got: list[list[int]], share: float) -> None:
    assert data.recall(got, [[1, 2], [3]]) == pytest.approx(share)


def test_readers_beside_a_writer_are_counted(tmp_path: Path) -> None:
    got = beside_a_writer(tmp_path, 0.5, 500, 0)
    assert got["lock_errors"] == 0 and got["reader_questions"] >= 3 and got["reader_p95_ms"] > 0
    assert 0 < got["writer_rows_per_s"] <= RATE * 1.2 and 0 <= got["writer_late_groups"] <= RATE * 0.5 / GROUP
