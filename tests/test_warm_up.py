"""After the warm-ups nothing is compiled in service: a node that compiles is silent for seconds, and its watchdog takes it for dead.

In a fresh checkout that ended every start of the world model, before what was compiled could be used.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

ELSEWHERE = {"add_depth_noise"}  # what only the simulator asks, which is not watched

SCRIPT = """
import sys
from numba.core.dispatcher import Dispatcher
from robomem.memory.warm_up import warm_up as warm_up_memory
from robomem.planning.warm_up import warm_up as warm_up_planner
from robomem.scene_graph.warm_up import warm_up

def compiled():
    ours = [m for name, m in list(sys.modules.items()) if name.startswith("robomem")]
    kernels = {k for m in ours for k in vars(m).values() if isinstance(k, Dispatcher)}
    return {(k.py_func.__module__, k.py_func.__name__, str(s)) for k in kernels for s in k.signatures}

warm_up()
warm_up_memory()
warm_up_planner()
before = compiled()
from robomem.evaluation.household import Household
home = Household(0, ":memory:")
home.explore()
home.memory.flush()
assert home.memory.health()["rows"]["observations"] > 1024
print(len(before), *sorted({name for _, name, _ in compiled() - before}))
home.close()
"""


def test_exploring_a_home_compiles_nothing() -> None:
    pytest.importorskip("pybullet")
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    n, *new = run.stdout.split("\n")[-2].split()
    assert int(n) > 20 and set(new) <= ELSEWHERE
