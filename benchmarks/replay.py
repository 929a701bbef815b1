"""`robomem bench replay --data FOLDER`: a real recording against its annotations."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from robomem.errors import InvalidInputError
from robomem.evaluation.registry import BenchArgs
from robomem.evaluation.replay import run_replay
from robomem.evaluation.report import table


def run(args: BenchArgs) -> dict[str, Any]:
    """Replay `--data` (a folder with objects.json) and hold what is confirmed against the annotations."""
    folder = args.data or Path(__file__).resolve().parents[2] / "shared" / "data" / "rgbd_kitchen"
    annotations = folder / "objects.json"
    if not annotations.is_file():
        raise InvalidInputError(f"bench replay: no {annotations}; give a recording with annotations by --data FOLDER")
    with tempfile.TemporaryDirectory() as out:
        run_replay(folder, Path(out), [], 15 if args.quick else 0, False, args.say)
        figures = json.loads((Path(out) / "summary.json").read_text("utf-8"))
    truth = json.loads(annotations.read_text("utf-8"))["objects"]
    rows, taken = [], set()
    for true in truth:
        found = [
            (float(np.linalg.norm(np.array(o["position"]) - true["position"])), o["id"])
            for o in figures["objects"]
            if o["label"] == true["label"] and o["id"] not in taken
        ]
        error, which = min(found, default=(float("inf"), -1))
        ok = error <= true["tolerance_m"]
        taken |= {which} if ok else set()
        rows.append({"label": true["label"], "error_m": round(error, 3), "tolerance_m": true["tolerance_m"], "found": ok})
    args.say(table(rows))
    labels = {true["label"] for true in truth}
    figures |= {
        "annotated": len(truth),
        "found": sum(r["found"] for r in rows),
        "unexplained_of_annotated_labels": sum(o["label"] in labels and o["id"] not in taken for o in figures["objects"]),
    }
    return figures
