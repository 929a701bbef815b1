"""Ids: ascending, never twice, leased in blocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from robomem.ids import IdAllocator


class Leases:
    """Hands out consecutive blocks and remembers what was asked."""

    def __init__(self) -> None:
        self.next, self.asked = 100, []

    def __call__(self, n: int) -> int:
        self.asked.append(n)
        self.next += n
        return self.next - n


def test_without_a_store_ids_start_at_one() -> None:
    assert IdAllocator().take(3) == [1, 2, 3]


@given(st.lists(st.integers(0, 7), max_size=12), st.integers(1, 5))
def test_ids_are_unique_and_ascending_across_blocks(takes: list[int], block: int) -> None:
    leases = Leases()
    allocator = IdAllocator(leases, block)
    ids = [i for n in takes for i in allocator.take(n)]
    assert ids == list(range(100, 100 + len(ids)))
    assert len(leases.asked) == -(-len(ids) // block) and set(leases.asked) <= {block}


def test_two_allocators_of_one_store_never_share_an_id() -> None:
    leases = Leases()
    a, b = IdAllocator(leases, 4), IdAllocator(leases, 4)
    ids = [x for _ in range(10) for x in (a.next(), b.next())]
    assert len(set(ids)) == len(ids)
