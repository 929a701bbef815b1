"""Writes robomem/data/placements.yaml: how often which thing stands on which furniture, from the placement counts that ship with procthor.

    pip download procthor==0.0.1.dev2 --no-deps
    python scripts/placements.py procthor-0.0.1.dev2-py3-none-any.whl

The wheel's `procthor/databases/receptacles.json` counts, over the hand-made rooms of AI2-THOR, on how many receptacles of a type an
object of a type stands: p = P(such a receptacle holds one). Names are mapped to the classes of the ontology; fixtures are left
out.
"""

import json
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from robomem.ontology import default_ontology

OUT = Path(__file__).resolve().parents[1] / "robomem" / "data" / "placements.yaml"
MEMBER = "procthor/databases/receptacles.json"
RECEPTACLES = {
    "Bed": "bed",
    "Chair": "chair",
    "CoffeeTable": "coffee table",
    "CounterTop": "counter",
    "Desk": "desk",
    "DiningTable": "dining table",
    "Dresser": "dresser",
    "Fridge": "fridge",
    "ShelvingUnit": "shelf",
    "SideTable": "nightstand",
    "Sink": "sink",
    "Sofa": "sofa",
    "Toilet": "toilet",
    "TVStand": "tv stand",
}
OBJECTS = {
    "AlarmClock": "clock",
    "BasketBall": "ball",
    "CellPhone": "phone",
    "DeskLamp": "lamp",
    "HousePlant": "plant",
    "KeyChain": "keys",
    "RemoteControl": "remote",
}
FIXED = {"Desktop", "Faucet", "Painting", "ShowerCurtain", "TableTopDecor", "Window"}
LEAST = 0.003  # below this it is one odd room

HEAD = """\
# How often a piece of furniture of a class holds a thing of a class: P(one such piece holds at least one). Made by scripts/placements.py.
# Source: receptacles.json of procthor 0.0.1.dev2 (PyPI), counted there over the hand-made rooms of AI2-THOR; names mapped to our ontology.
# Copyright 2022 Allen Institute for AI. Licensed under the Apache License, Version 2.0; changed: renamed, selected, rounded.
"""


def words(name: str) -> str:
    """ "ButterKnife" -> "butter knife"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def table(receptacles: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """object label -> furniture label -> p, both in the ontology's words, sorted."""
    ontology, out = default_ontology(), {}
    for receptacle, place in RECEPTACLES.items():
        for name, row in receptacles.get(receptacle, {}).items():
            label = OBJECTS.get(name) or ontology.canonical(words(name))
            p = round(float(row["p"]), 3)
            if name not in FIXED and p >= LEAST:
                out.setdefault(label, {})[place] = max(p, out.get(label, {}).get(place, 0.0))
    return {label: dict(sorted(out[label].items())) for label in sorted(out)}


def render(rows: Mapping[str, Mapping[str, float]]) -> str:
    """The file's text, one object a line."""
    lines = [f"  {label}: {{{', '.join(f'{place}: {p:g}' for place, p in row.items())}}}" for label, row in rows.items()]
    return HEAD + "\n".join(["p:", *lines]) + "\n"


if __name__ == "__main__":
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        OUT.write_text(render(table(json.loads(wheel.read(MEMBER)))), encoding="utf-8")
    print(f"wrote {OUT}")
