"""Do the packs of a store hold its observations, each once, with a bound that is true and in a box that holds it?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robomem.memory.database import Row
from robomem.memory.pack import Entries, decode, unseal
from robomem.memory.packs import FIRST, LAST, ROWS, UNSOUND, by_length
from robomem.memory.sqlite_core import SqliteCore

SLACK = 1e-6  # of what float32 rounds
BOUNDARIES = "SELECT last, packed FROM blocks ORDER BY last"
BOXED = """SELECT p.block, p.dim, p.data, b.x0, b.x1, b.y0, b.y1, b.z0, b.z1, b.t0, b.t1
FROM packs p LEFT JOIN pack_boxes b ON b.id = p.id WHERE p.block = ?"""
STRAYS = """SELECT (SELECT count(*) FROM packs WHERE block NOT IN (SELECT last FROM blocks WHERE packed))
+ (SELECT count(*) FROM pack_boxes WHERE id NOT IN (SELECT id FROM packs))"""


def wrong_blocks(store: SqliteCore, epoch_ns: int) -> int:
    """How many blocks do not hold their rows, and packs or boxes that belong to none; 0 where all is well. O(observations)."""
    if not store.query("SELECT 1 FROM sqlite_master WHERE name = 'packs'"):
        return 0  # a file that no writer has migrated yet
    wrong, above = int(store.query(STRAYS)[0][0]), FIRST
    for last, packed in store.query(BOUNDARIES):
        if packed:
            wrong += not _holds(store.query(BOXED, (last,)), store.query(ROWS, (above, last, LAST)), epoch_ns)
        above = last
    return wrong


def _holds(packs: Sequence[Row], rows: Sequence[Row], epoch_ns: int) -> bool:
    """True if packs hold rows of (id, stamp_ns, x, y, z, embedding), and nothing else."""
    halves = {row[0]: row[5] for row in rows}
    told = {e_id: fact for _, e in by_length(rows) for e_id, fact in _facts(e).items()}
    seen = 0
    for block, dim, data, *bounds in packs:
        try:
            e = decode(unseal(data, block, dim), dim)
        except UNSOUND:
            return False
        facts = _facts(e)
        if len(facts) != len(e.ids) or any(told.get(i) != fact for i, fact in facts.items()) or not _inside(e, bounds, epoch_ns):
            return False
        if not _true(e, np.frombuffer(b"".join(halves[i] for i in facts), np.float16).reshape(len(facts), dim)):
            return False
        seen += len(facts)
    return seen == len(told)


def _facts(e: Entries) -> dict[int, tuple[float, ...]]:
    rows = zip(e.ids.tolist(), e.stamps_ns.tolist(), *e.positions.T.tolist(), strict=True)
    return {row[0]: (*row[1:], e.codes.shape[1]) for row in rows}


def _inside(e: Entries, bounds: Sequence[float | None], epoch_ns: int) -> bool:
    if not all(isinstance(v, float) for v in bounds):
        return False
    low, high = np.array(bounds[0::2], float), np.array(bounds[1::2], float)
    points = np.column_stack((e.positions, (e.stamps_ns - epoch_ns) * 1e-9))
    slack = SLACK * np.abs(points) + SLACK
    return bool((low <= points + slack).all() and (points - slack <= high).all())


def _true(e: Entries, halves: NDArray[np.float16]) -> bool:
    """True if no vector is further from its approximation than its bound says."""
    x = halves.astype(np.float64)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    rest = np.linalg.norm(x / np.where(length > 0, length, 1.0) - e.scales[:, None].astype(float) * e.codes, axis=1)
    return bool((~(rest > e.bounds + SLACK)).all())
