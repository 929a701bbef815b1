"""The plan ledger: a failed step invalidates only its dependants."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robomem.errors import PlanningError
from robomem.planning.ledger import Ledger


def test_a_failure_takes_its_dependants_and_nobody_else() -> None:
    ledger = Ledger()
    a = ledger.add("open", ("fridge",))
    b = ledger.add("pick", ("apple",), after=[a])
    c = ledger.add("place", ("apple",), after=[b])
    other = ledger.add("go_to", ("sofa",))
    ledger.mark(a, "done", 1)
    ledger.mark(b, "failed", 2, "nothing between the fingers")
    assert {e.id: e.status for e in ledger.entries()} == {a: "done", b: "failed", c: "invalid", other: "todo"}
    assert "step 2 (pick): nothing between the fingers" in ledger.entries()[2].history[-1][2]
    assert [e.id for e in ledger.ready()] == [other]


def test_history_keeps_every_status_with_its_time() -> None:
    ledger = Ledger()
    step = ledger.add("open")
    for k, status in enumerate(("doing", "failed", "doing", "done")):
        ledger.mark(step, status, k)  # type: ignore[arg-type]
    assert [h[:2] for h in ledger.entries()[0].history] == [("doing", 0), ("failed", 1), ("doing", 2), ("done", 3)]


def test_unknown_dependencies_are_refused() -> None:
    with pytest.raises(PlanningError, match="unknown step 7"):
        Ledger().add("pick", after=[7])


@given(st.lists(st.lists(st.integers(1, 20), max_size=3), min_size=1, max_size=15), st.data())
def test_done_steps_stay_done_whatever_fails(dependencies, data) -> None:
    ledger = Ledger()
    for k, after in enumerate(dependencies):
        ledger.add(f"s{k}", after=[i for i in after if i <= k])
    done = data.draw(st.sets(st.integers(1, len(dependencies))))
    for i in done:
        ledger.mark(i, "done", 0)
    failed = data.draw(st.integers(1, len(dependencies)))
    ledger.mark(failed, "failed", 1)
    reach = {e.id for e in ledger.dependants(failed)}
    for e in ledger.entries():
        expected = "failed" if e.id == failed else "done" if e.id in done else "invalid" if e.id in reach else "todo"
        assert e.status == expected
    assert all(row["status"] for row in ledger.to_json())
