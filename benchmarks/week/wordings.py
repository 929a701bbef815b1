"""How questions are worded: a canonical sentence per meaning, and paraphrases by somebody who had not seen the parser, split once.

`paraphrases.json` is kept as it was written. Of each meaning the templates with an even index were there for development, those with an odd
index are the test half: read by this module alone, at the time of the measurement.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.week.interface import Question

CANONICAL = {
    "where_is": "Where is the {label}?",
    "where_was": "Where was the {label} {when}?",
    "when_last": "When did you last see the {label}?",
    "when_last_at": "When did you last see the {label} on the {place}?",
    "what_changed": "What changed {since}?",
    "what_changed_room": "What changed in the {room} {since}?",
    "moved": "Did the {label} move {since}?",
    "how_many": "How many {labels} are there?",
    "how_many_room": "How many {labels} are in the {room}?",
    "what_is_on": "What is on the {place}?",
    "which_state": "Is the {thing} open?",
    "was_state": "Was the {thing} open {when}?",
    "did_do": "What did you do {when}?",
    "did_task": "When did you bring the {label}?",
    "usually": "Where is the {label} usually?",
    "usually_at": "Where is the {label} usually {daypart}?",
    "will_be": "Where will the {label} be {when_future}?",
    "ever_seen": "Have you ever seen a {label}?",
}
HALVES = {"development": 0, "test": 1}
_SWITCHED = re.compile(r"\b(?:on|off)\b")


def canonical(question: Question) -> str:
    """The plain wording; of what is switched it asks "on", of doors "open"."""
    template = CANONICAL[question.query.meaning]
    return _filled(template.replace("open", "on") if question.slots.get("switched") else template, question.slots)


def paraphrase(question: Question, half: str, number: int) -> str:
    """The `number`-th (modulo) paraphrase of one half, filled in.

    Of templates about states those that say "on" or "off" are for what is switched, the others for doors.
    """
    meaning = question.query.meaning
    options = templates(half)[meaning]
    if meaning in ("which_state", "was_state"):
        switched = question.slots.get("switched") == "yes"
        options = [t for t in options if bool(_SWITCHED.search(t.lower())) == switched] or options
    return _filled(options[number % len(options)], question.slots)


@lru_cache(maxsize=2)
def templates(half: str) -> Mapping[str, list[str]]:
    """Meaning -> templates of one half."""
    rows = json.loads((Path(__file__).with_name("paraphrases.json")).read_text("utf-8"))
    return {meaning: texts[HALVES[half] :: 2] for meaning, texts in rows.items()}


def shuffled(n: int, seed: int) -> list[int]:
    """0..n-1 in an order of its own."""
    return np.random.default_rng([0x3A4D, seed]).permutation(n).tolist()


def _filled(template: str, slots: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: slots[found[1]], template)
