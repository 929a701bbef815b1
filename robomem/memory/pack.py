"""Packs: a few dozen observations that lie together, their vectors as bytes with a bound on the error.

The idea is the vector approximation file (Weber, Schek, Blott, VLDB 1998): a small approximation of each vector is read in sequence, and
only the vectors whose bound reaches into the best k are read whole. What is left out is proven not to be among them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PACK_ROWS = 32  # observations of one pack, at most: about 14 KB with 384 numbers a vector
SUM_BYTES = 8  # the checksum at the end of a pack as it is kept
HEAD_BYTES = 48  # id, stamp, x, y, z as 8 bytes each; scale and bound as 4


@dataclass(frozen=True)
class Entries:
    """Some observations as a pack holds them.

    Attributes:
        ids, stamps_ns: Int64[n].  positions: Float64[n, 3] map frame, m.
        scales: Float32[n]; scales[i] * codes[i] is about the vector at unit length.
        bounds: Float32[n]; the cosine with any unit vector differs from that of the approximation by no more.
        codes: Int8[n, d].
    """

    ids: NDArray[np.int64]
    stamps_ns: NDArray[np.int64]
    positions: NDArray[np.float64]
    scales: NDArray[np.float32]
    bounds: NDArray[np.float32]
    codes: NDArray[np.int8]

    def take(self, which: NDArray[np.intp]) -> Entries:
        """Some of them."""
        i = which
        return Entries(self.ids[i], self.stamps_ns[i], self.positions[i], self.scales[i], self.bounds[i], self.codes[i])


def bytes_per_row(dim: int) -> int:
    """Bytes of one observation in a pack; a multiple of 8, so that each pack of several begins aligned."""
    return HEAD_BYTES + (dim + 7) // 8 * 8


def approximate(halves: NDArray[np.float16]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int8]]:
    """(scales, bounds, codes) of Float16[n, d]; see Entries.

    For unit v:  |v.x - s v.q| = |v.(x - s q)| <= |x - s q|   (Cauchy-Schwarz), all divided by |x|.
    """
    from robomem.memory.half import quantise  # here: only who packs waits for the compiler's half second

    scales, bounds, codes = np.empty(len(halves), np.float32), np.empty(len(halves), np.float32), np.empty(halves.shape, np.int8)
    quantise(np.ascontiguousarray(halves).view(np.uint16), scales, bounds, codes)
    return scales, bounds, codes


def encode(e: Entries) -> bytes:
    """The bytes of a pack, column by column: its numbers are compared where they lie."""
    n, dim = e.codes.shape
    head = np.column_stack((e.scales, e.bounds)).astype("<f4")
    padding = bytes(n * (bytes_per_row(dim) - HEAD_BYTES - dim))
    parts = (e.ids.astype("<i8"), e.stamps_ns.astype("<i8"), e.positions.astype("<f8"), head, e.codes)
    return b"".join(part.tobytes() for part in parts) + padding


def decode(data: bytes | memoryview, dim: int) -> Entries:
    """Inverse of `encode`.

    Raises:
        ValueError: of a length that no pack of such vectors has.
    """
    n, rest = divmod(len(data), bytes_per_row(dim))
    if rest:
        raise ValueError(f"{len(data)} bytes are no pack of vectors of {dim} numbers")
    head = np.frombuffer(data, "<f4", 2 * n, 40 * n).reshape(n, 2)
    return Entries(
        np.frombuffer(data, "<i8", n),
        np.frombuffer(data, "<i8", n, 8 * n),
        np.frombuffer(data, "<f8", 3 * n, 16 * n).reshape(n, 3),
        head[:, 0],
        head[:, 1],
        np.frombuffer(data, np.int8, dim * n, HEAD_BYTES * n).reshape(n, dim),
    )


def seal(data: bytes, block: int, dim: int) -> bytes:
    """A pack as it is kept: its bytes, and a checksum of them, of its block and of the length of its vectors."""
    return data + _sum_of(data, block, dim)


def unseal(sealed: object, block: object, dim: object) -> memoryview:
    """Inverse of `seal`, nothing copied.

    Raises:
        ValueError: not as it was written.
    """
    if not (isinstance(sealed, bytes) and isinstance(block, int) and isinstance(dim, int)):
        raise ValueError("a pack is no bytes of a block")
    data = memoryview(sealed)[:-SUM_BYTES]
    if len(data) % 8 or sealed[len(data) :] != _sum_of(data, block, dim):
        raise ValueError(f"the checksum of a pack of block {block} differs")
    return data


def _sum_of(data: bytes | memoryview, block: int, dim: int) -> bytes:
    from robomem.memory.scan import checksum  # here: only who packs or reads packs waits for the compiler's half second

    return int(checksum(np.frombuffer(data, "<u8"), block, dim)).to_bytes(SUM_BYTES, "little")


def split(positions: NDArray[np.float64], size: int = PACK_ROWS) -> list[NDArray[np.intp]]:
    """Float64[n, 3] as groups of at most `size` indices that lie together: halved along the longest side (a k-d tree), in whole packs."""
    todo, done = [np.arange(len(positions))], []
    while todo:
        part = todo.pop()
        if len(part) <= size:
            done.append(part)
            continue
        axis = int(np.argmax(np.ptp(positions[part], axis=0)))
        cut = max(size, len(part) // 2 // size * size)
        order = np.argsort(positions[part, axis], kind="stable")
        todo += [part[order[cut:]], part[order[:cut]]]
    return [part for part in done if len(part)]
