"""Ids: int64, monotone, never reused. The store leases blocks; the world model spends them."""

from __future__ import annotations

from collections.abc import Callable


class IdAllocator:
    """Hands out ids from leased blocks.

    Args:
        lease: called with a block size, returns the first id of a block nobody else has (durably, where a store is behind it).
        block: ids asked for at a time.
    """

    def __init__(self, lease: Callable[[int], int] | None = None, block: int = 1024) -> None:
        self._lease, self._block = lease, block
        self._next, self._end = (1, 1 << 62) if lease is None else (0, 0)

    def next(self) -> int:
        """A new id."""
        if self._next >= self._end:
            assert self._lease is not None
            self._next = self._lease(self._block)
            self._end = self._next + self._block
        self._next += 1
        return self._next - 1

    def take(self, n: int) -> list[int]:
        """`n` new ids, ascending."""
        return [self.next() for _ in range(n)]
