"""Recalls, place probabilities and episodes as messages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, get_args

from robomem_msgs.msg import Answer, PlaceProbabilities

from robomem.nodes.wire import FAR_M, dumps, or_minus_one, pack, rows, unpack, words
from robomem.types import Candidate, Episode, PlaceProbability, Recall, Verdict

VERDICTS = get_args(Verdict)


def recall_to_msg(r: Recall) -> Answer:
    """Recall -> message."""
    msg = Answer(verdict=r.verdict, label=r.label, place=r.place, question=r.question, needs=r.needs, narrowed_by=list(r.narrowed_by))
    msg.id, msg.place_id, msg.last_seen_ns = or_minus_one((r.id, r.place_id, r.last_seen_ns))
    msg.asked_ns, msg.evidence = int(r.asked_ns), pack(r.evidence, "i8")
    msg.position = pack([] if r.position is None else r.position, "f8")
    msg.radius90_m, msg.p_still_there = float(r.radius90_m), float(r.p_still_there)
    c = r.candidates
    msg.candidate_ids, msg.candidate_labels = pack([x.id for x in c], "i8"), [x.label for x in c]
    msg.candidate_positions, msg.candidate_scores = pack([x.position for x in c], "f8"), pack([x.score for x in c], "f8")
    msg.candidate_p_still_there = pack([x.p_still_there for x in c], "f8")
    msg.candidate_places, msg.candidate_colors = [x.place for x in c], [x.color for x in c]
    return msg


def recall_from_msg(msg: Any) -> Recall:
    """Message -> Recall.

    Raises:
        WireError: rows that do not fit.
    """
    n = len(msg.candidate_ids)
    rows("answer", n, labels=msg.candidate_labels, scores=msg.candidate_scores, places=msg.candidate_places, colors=msg.candidate_colors)
    words("answer.verdict", (msg.verdict,), VERDICTS)
    spots = unpack(msg.candidate_positions, "f8", (n, 3), "answer.candidate_positions", FAR_M)
    scores = unpack(msg.candidate_scores, "f8", (n,), "answer.candidate_scores")
    there = unpack(msg.candidate_p_still_there, "f8", (n,), "answer.candidate_p_still_there", 1, 0)
    position = unpack(msg.position, "f8", (3,), "answer.position", FAR_M) if len(msg.position) else None
    unpack([msg.p_still_there], "f8", (1,), "answer.p_still_there", 1, 0)
    candidates = tuple(
        Candidate(
            int(msg.candidate_ids[i]),
            msg.candidate_labels[i],
            spots[i].copy(),
            float(scores[i]),
            float(there[i]),
            msg.candidate_places[i],
            msg.candidate_colors[i],
        )
        for i in range(n)
    )
    verdict: Any = msg.verdict
    return Recall(
        verdict,
        _known(msg.id),
        msg.label,
        position,
        float(msg.radius90_m),
        float(msg.p_still_there),
        _known(msg.last_seen_ns),
        msg.place,
        _known(msg.place_id),
        candidates,
        msg.question,
        tuple(int(i) for i in msg.evidence),
        tuple(msg.narrowed_by),
        msg.needs,
        int(msg.asked_ns),
    )


def _known(value: int) -> int | None:
    return None if value < 0 else int(value)


def places_to_msg(found: Sequence[PlaceProbability]) -> PlaceProbabilities:
    """Places -> message."""
    msg = PlaceProbabilities(labels=[p.label for p in found], rooms=[p.room for p in found], relations=[p.relation for p in found])
    msg.why = [p.why for p in found]
    msg.place_ids, msg.looked_ns = pack([p.place_id for p in found], "i8"), pack(or_minus_one(p.looked_ns for p in found), "i8")
    msg.positions, msg.probabilities = pack([p.position for p in found], "f8"), pack([p.probability for p in found], "f8")
    msg.containers, msg.open = pack([p.container for p in found], "u1"), pack([p.is_open for p in found], "u1")
    return msg


def places_from_msg(msg: Any) -> list[PlaceProbability]:
    """Message -> places.

    Raises:
        WireError: rows that do not fit.
    """
    n = len(msg.place_ids)
    names = ("labels", "rooms", "relations", "why", "looked_ns", "containers", "open")
    rows("places", n, **{k: getattr(msg, k) for k in names})
    spots, p = (
        unpack(msg.positions, "f8", (n, 3), "places.positions", FAR_M),
        unpack(msg.probabilities, "f8", (n,), "places.probabilities", 1.001, 0),
    )
    return [
        PlaceProbability(
            int(msg.place_ids[i]),
            msg.labels[i],
            msg.rooms[i],
            spots[i].copy(),
            float(p[i]),
            msg.relations[i],
            bool(msg.containers[i]),
            bool(msg.open[i]),
            _known(msg.looked_ns[i]),
            msg.why[i],
        )
        for i in range(n)
    ]


def put_episodes(found: Sequence[Episode], response: Any) -> None:
    """Episodes into the response of the Episodes service."""
    response.ids, response.start_ns = pack([e.id for e in found], "i8"), pack([e.start_ns for e in found], "i8")
    response.end_ns, response.outcomes = pack([e.end_ns for e in found], "i8"), [e.outcome for e in found]
    response.instructions, response.summaries = [e.instruction for e in found], [e.summary for e in found]
    response.steps = [json.dumps([json.loads(dumps(s) or "{}") for s in e.steps]) for e in found]
