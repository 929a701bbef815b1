"""`robomem bench kitchen --data FOLDER`: what stays, what goes, what comes back, on the frames of a real kitchen."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._kitchen_plants import BOXES, Box, disputed, draw, patches, stay_or_go, supports, take_away
from benchmarks._kitchen_stories import Recording, correction_story, cup_story
from robomem.errors import InvalidInputError
from robomem.evaluation.registry import BenchArgs
from robomem.evaluation.report import table, wilson_ci
from robomem.perception.detectors import CocoDetector
from robomem.perception.frame import RgbdFrame
from robomem.perception.sequence import RgbdSequence

HOLES = (0.0, 0.3)  # share of depth pixels set to "no measurement"
PHANTOM_AT = (0.5, 0.8)  # share of the ray at which phantoms float
DRIFT = (0.5, 20.0)  # m, degrees
CLOSING_FRAME = 300


def run(args: BenchArgs) -> dict[str, Any]:
    """Every part of it with whole depth and with a third of it missing; see the keys' own tables."""
    folder = args.data or Path(__file__).resolve().parents[2] / "shared" / "data" / "rgbd_kitchen"
    if not (folder / "objects.json").is_file():
        raise InvalidInputError(f"bench kitchen: no {folder / 'objects.json'}; give a recording with annotations by --data FOLDER")
    sequence = RgbdSequence(folder)
    started = time.process_time()
    frames = list(sequence)
    seeds = list(args.seeds) or ([0] if args.quick else [0, 1])
    figures: dict[str, Any] = {"n": len(frames), "seeds": f"{seeds[0]}-{seeds[-1]}"}
    figures |= surfaces_and_phantoms(frames[::4] if args.quick else frames, seeds, args)
    if not args.quick:
        figures["boxes"] = boxes_taken(frames, seeds, args)
        figures |= stories(sequence, frames, folder, seeds, args)
        if args.out is not None:
            picture(args.out.with_suffix(".png"), frames, figures)
    return figures | {"process_s": round(time.process_time() - started, 1)}


def surfaces_and_phantoms(frames: Sequence[RgbdFrame], seeds: Sequence[int], args: BenchArgs) -> dict[str, Any]:
    """Patches of real surfaces believed to be things must stay; patches moved towards the camera must go.

    A patch that most frames see through is a stray measurement and no surface; how many were left out is given.
    The headline is what depth alone says (no detector ran). `detector_silent`: one ran in every frame and named none of them.
    """
    rows: list[dict[str, Any]] = []
    planted = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        real, floating = patches(frames, rng, None), patches(frames, rng, PHANTOM_AT)
        agreed = [p for p in real if not disputed(frames, p)]
        planted.append((seed, agreed, floating, len(real) - len(agreed)))
    for holes in HOLES:
        for silent in (False, True):
            row: dict[str, Any] = {"holes": holes, "detector_silent": silent, "surfaces": 0, "surfaces_removed": 0, "phantoms": 0}
            row["phantoms_removed"] = 0
            for seed, real, floating, _ in planted:
                for name, things in (("surfaces", real), ("phantoms", floating)):
                    counted = stay_or_go(frames, things, silent, holes, seed)
                    row[name] += counted["planted"]
                    row[f"{name}_removed"] += counted["removed"]
            row["phantoms_removed_share"] = round(row["phantoms_removed"] / max(row["phantoms"], 1), 4)
            row["phantoms_removed_ci"] = wilson_ci(row["phantoms_removed"], row["phantoms"])
            row["surfaces_removed_ci"] = wilson_ci(row["surfaces_removed"], row["surfaces"])
            rows.append(row)
    args.say(table(rows, [k for k in rows[0] if not k.endswith("_ci")]))
    plain = rows[0]
    return {
        "removed_surfaces": plain["surfaces_removed"],
        "surfaces": plain["surfaces"],
        "surfaces_left_out_as_disputed": sum(n for *_, n in planted),
        "removed_surfaces_ci": plain["surfaces_removed_ci"],
        "removed_phantoms": plain["phantoms_removed_share"],
        "phantoms": plain["phantoms"],
        "removed_phantoms_ci": plain["phantoms_removed_ci"],
        "removed_surfaces_30_percent_holes": rows[2]["surfaces_removed"],
        "removed_phantoms_30_percent_holes": rows[2]["phantoms_removed_share"],
        "planted_rows": rows,
    }


def boxes_taken(frames: Sequence[RgbdFrame], seeds: Sequence[int], args: BenchArgs) -> list[dict[str, Any]]:
    """Boxes of three heights drawn onto real surfaces and taken away after half of their visible frames."""
    rows = []
    for height in BOXES:
        found: list[Box] = supports(frames, height, np.random.default_rng(seeds[0]), 24)
        for holes in HOLES:
            rows.append({"height_m": height, "holes": holes, **take_away(frames, found, holes, seeds[0])})
            rows[-1]["noticed_ci"] = wilson_ci(rows[-1]["noticed"], rows[-1]["known"])
    args.say(table(rows, [k for k in rows[0] if not k.endswith("_ci")]))
    return rows


def stories(sequence: RgbdSequence, frames: Sequence[RgbdFrame], folder: Path, seeds: Sequence[int], args: BenchArgs) -> dict[str, Any]:
    """The cup that is taken and put back, and the drift that is corrected, with the packaged detector."""
    detector = CocoDetector()
    tape = Recording(sequence.indices, frames, [detector.detect(f.rgb) for f in frames], detector)
    annotated = json.loads((folder / "objects.json").read_text("utf-8"))["objects"]
    cups: list[NDArray[np.float64]] = [np.asarray(sequence.to_map(o["position"])) for o in annotated if o["label"] == "cup"]
    rows = [{"holes": holes, "seed": seed, **cup_story(tape, cups[1], cups[:1], holes, seed)} for holes in HOLES for seed in seeds]
    args.say(table(rows))
    whole = [r for r in rows if r["holes"] == 0.0]
    correction = correction_story(tape, *DRIFT, CLOSING_FRAME, seeds[0])
    args.say(table([correction]))
    noticed = [r["notice_frames"] for r in whole]
    return {
        "cup_notice_frames": None if None in noticed else max(noticed),
        "cup_same_id": all(r["same_id"] for r in whole),
        "others_reported_gone": sum(len(r["others_reported_gone"]) for r in whole),
        "cup_rows": rows,
        "map_correction": correction,
    }


def picture(path: Path, frames: Sequence[RgbdFrame], figures: dict[str, Any]) -> None:
    """Boxes as they are drawn into a frame, and in how many frames their going was noticed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    frame = frames[60]
    shown = [b for h in BOXES for b in supports(frames[50:80], h, np.random.default_rng(1), 3)]
    drawn, _ = draw(frame, shown, np.random.default_rng(0))
    fig, axes = plt.subplots(1, 2, figsize=(12, 4.2), gridspec_kw={"width_ratios": [1.3, 1]})
    axes[0].imshow(drawn.rgb)
    axes[0].set_title("boxes of 3, 8 and 20 cm drawn into a recorded frame")
    axes[0].axis("off")
    for holes, offset, color in ((0.0, -0.18, "tab:blue"), (0.3, 0.18, "tab:orange")):
        rows = [r for r in figures["boxes"] if r["holes"] == holes]
        x = np.arange(len(rows)) + offset
        axes[1].bar(x, [r["frames_p95"] or 0 for r in rows], 0.34, color=color, alpha=0.35, label=f"95 %, {holes:.0%} of depth missing")
        axes[1].bar(x, [r["frames_median"] or 0 for r in rows], 0.34, color=color, label=f"median, {holes:.0%} of depth missing")
    axes[1].set_xticks(range(len(BOXES)), [f"{100 * h:.0f} cm" for h in BOXES])
    axes[1].set_ylabel("visible frames until reported gone")
    axes[1].set_xlabel("height of the box")
    axes[1].set_ylim(0, 1.45 * max(axes[1].get_ylim()))  # room for the legend above the bars
    axes[1].legend(fontsize=8, loc="upper left")
    fig.tight_layout()
    fig.savefig(path, dpi=110)
    plt.close(fig)
