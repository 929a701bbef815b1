"""Placements: how often which thing stands on which furniture, counted over furnished rooms; the prior of a home not known yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

from robomem.errors import ConfigError
from robomem.ontology import Ontology

COUNTED = 0.5  # share of the counted placements in the prior; the rest is common sense as the ontology has it
SELDOM = 0.01  # P(a piece of furniture holds a thing that no counted room showed there)

Table = Mapping[str, Mapping[str, float]]


@lru_cache(maxsize=1)
def placements() -> Table:
    """object label -> furniture label -> P(one such piece of furniture holds at least one), as packaged.

    Raises:
        ConfigError: the packaged file is damaged.
    """
    import yaml

    text = resources.files("robomem").joinpath("data/placements.yaml").read_text("utf-8")
    try:
        rows: dict[str, Any] = yaml.safe_load(text)["p"]
        return {str(label): {str(place): float(p) for place, p in row.items()} for label, row in rows.items()}
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"placements.yaml: not a table of placements: {error}") from error


@lru_cache(maxsize=1)
def counted_furniture() -> frozenset[str]:
    """Furniture classes that were counted at all: of the others (cabinets) the table says nothing, not that they are empty."""
    return frozenset(place for row in placements().values() for place in row)


def usual_places(label: str, furniture: Iterable[tuple[int, str]], ontology: Ontology, anywhere: float) -> dict[int, float]:
    """How likely each piece of furniture of this home holds a thing, before anything is known of this home; sums to one.

    Common sense (`ClassPrior.at`) gives each piece a share; what falls on counted classes is then divided among them half by common sense,
    half by the counts. A class of things that was never counted has common sense alone.

    Args:
        furniture: (id, label) of the pieces that are there.
        anywhere: weight, on the ontology's scale, of a piece that it does not name.
    """
    pieces = list(furniture)
    at, counts = ontology.prior(label).at, placements().get(ontology.canonical(label), {})
    sense = {i: at.get(place, 0.0) + anywhere for i, place in pieces}
    total = sum(sense.values()) or 1.0
    share = {i: weight / total for i, weight in sense.items()}
    held = {i: counts.get(place, 0.0) + SELDOM for i, place in pieces if place in counted_furniture()} if counts else {}
    among, all_held = sum(share[i] for i in held), sum(held.values())
    return share | {i: (1.0 - COUNTED) * share[i] + COUNTED * among * p / all_held for i, p in held.items()}
