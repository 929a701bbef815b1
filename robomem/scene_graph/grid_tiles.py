"""A grid's layers as the tiles of which something is known: what was never seen is neither stored nor sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Layers = dict[str, NDArray[Any]]


@njit(cache=True)
def _all_fill(layer: NDArray[Any], fill: Any, r0: int, r1: int, c0: int, c1: int) -> bool:
    for k in range(layer.shape[0]):
        for i in range(r0, r1):
            for j in range(c0, c1):
                if layer[k, i, j] != fill:
                    return False
    return True


@njit(cache=True)
def _note(layer: NDArray[Any], fill: Any, side: int, known: NDArray[np.bool_]) -> None:
    """Mark the tiles in which Any[k, rows, cols] holds anything but `fill`; those marked before are not looked at again."""
    rows, cols = layer.shape[1:]
    for a in range(known.shape[0]):
        for b in range(known.shape[1]):
            if not known[a, b]:
                r0, c0 = a * side, b * side
                known[a, b] = not _all_fill(layer, fill, r0, min(r0 + side, rows), c0, min(c0 + side, cols))


@njit(cache=True)
def _gather(layer: NDArray[Any], tiles: NDArray[np.int32], side: int, blocks: NDArray[Any]) -> None:
    """Copy the tiles of Any[k, rows, cols] into Any[k, n, side, side]; what is beyond the edge of the grid is left as it is.

    A copy of the known tiles only: padding and turning whole layers costs a tenth of a second on the floor of a large building.
    """
    rows, cols = layer.shape[1:]
    for k in range(layer.shape[0]):
        for n in range(tiles.shape[0]):
            r0, c0 = tiles[n, 0] * side, tiles[n, 1] * side
            for i in range(min(side, rows - r0)):
                for j in range(min(side, cols - c0)):
                    blocks[k, n, i, j] = layer[k, r0 + i, c0 + j]


def pack_tiles(layers: Mapping[str, NDArray[Any]], fill: Mapping[str, Any], side: int, among: NDArray[np.bool_] | None = None) -> Layers:
    """Layers [..., rows, cols] as tiles of `side` cells.

    Args:
        fill: value of an unseen cell by layer, 0 where none is given.
        among: Bool[tile rows, tile columns]: those that can hold anything; None: all are looked at.

    Returns:
        "shape" Int32[3]: rows, cols, side; "tiles" Int32[n, 2]: tile row and column; each layer as [..., n, side, side].
    """
    rows, cols = next(iter(layers.values())).shape[-2:]
    shape = (-(-rows // side), -(-cols // side))
    skip = np.zeros(shape, np.bool_) if among is None else ~among
    known = skip.copy()
    for name, layer in sorted(layers.items(), key=lambda item: item[1].ndim):  # the flat ones first: they tell most tiles for least
        _note(layer.reshape(-1, rows, cols), layer.dtype.type(fill.get(name, 0)), side, known)
    out: Layers = {"shape": np.array([rows, cols, side], np.int32), "tiles": np.argwhere(known & ~skip).astype(np.int32)}
    for name, layer in layers.items():
        blocks = np.full((*layer.shape[:-2], len(out["tiles"]), side, side), fill.get(name, 0), layer.dtype)
        _gather(layer.reshape(-1, rows, cols), out["tiles"], side, blocks.reshape(-1, *blocks.shape[-3:]))
        out[name] = blocks
    return out


def unpack_tiles(packed: Mapping[str, NDArray[Any]], names: Mapping[str, Any], fill: Mapping[str, Any]) -> Layers:
    """The layers of `pack_tiles`.

    Args:
        names: dtype by layer.

    Raises:
        ValueError: tiles that do not fit their grid; KeyError: a layer is missing.
    """
    rows, cols, side = (int(v) for v in np.asarray(packed["shape"]).ravel())
    tiles = np.asarray(packed["tiles"], np.int64).reshape(-1, 2)
    if not (0 <= rows <= 1 << 16 and 0 <= cols <= 1 << 16 and 1 <= side <= 1 << 10):
        raise ValueError(f"a grid of {rows} x {cols} cells in tiles of {side}")
    across = (-(-rows // side), -(-cols // side))
    if len(tiles) and not (tiles.min() >= 0 and (tiles < across).all()):
        raise ValueError("a tile lies outside the grid")
    out: Layers = {}
    for name, dtype in names.items():
        blocks = np.asarray(packed[name], dtype)
        if blocks.shape[-3:] != (len(tiles), side, side):
            raise ValueError(f"layer {name} has shape {blocks.shape}, expected {len(tiles)} tiles of {side}")
        whole = np.full((*blocks.shape[:-3], across[0], across[1], side, side), fill.get(name, 0), dtype)
        whole[..., tiles[:, 0], tiles[:, 1], :, :] = blocks
        flat = whole.swapaxes(-3, -2).reshape(*blocks.shape[:-3], across[0] * side, across[1] * side)
        out[name] = np.ascontiguousarray(flat[..., :rows, :cols])
    return out


def never_seen(shape: tuple[int, ...], names: Mapping[str, Any], fill: Mapping[str, Any], slabs: tuple[str, ...]) -> Layers:
    """Read-only layers of a grid in which nothing was ever seen.

    Args:
        shape: slabs, rows, cols.  names: dtype by layer.  fill: value of an unseen cell by layer, 0 where none is given.
        slabs: which layers have a value per slab.
    """
    return {n: np.broadcast_to(np.asarray(fill.get(n, 0), d), shape if n in slabs else shape[1:]) for n, d in names.items()}
