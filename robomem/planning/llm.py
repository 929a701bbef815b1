"""Goals from a sentence: the grammar where it is sure, a configured language model where it is not, the grammar again when that fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from robomem.config import PlanningConfig
from robomem.errors import MissingDependencyError, PlanningError
from robomem.ontology import Ontology
from robomem.planning import context, language, lookups
from robomem.planning.goals import ParsedInstruction, goal_from_json, goal_schema
from robomem.remote import ChatClient, RemoteError, RemoteLimits
from robomem.types import ObjectView

SURE = 0.9  # grammar confidence from which the model is not asked
MAX_GOALS = 12


def read_reply(text: str, notes: Sequence[str] = ()) -> ParsedInstruction:
    """A model's reply as checked goals. Nothing in it is evaluated or trusted; ids and labels are checked again before any motion.

    Raises:
        PlanningError: not JSON, not the schema, no goal, or too many.
    """
    start, end = text.find("{"), text.rfind("}")
    try:
        # Models that are not held to the schema wrap JSON in prose or code fences; anything else is refused.
        raw = json.loads(text[start : end + 1]) if 0 <= start < end else None
    except ValueError as error:
        raise PlanningError(f"llm: reply is not JSON: {str(error)[:80]}") from error
    except RecursionError as error:
        raise PlanningError("llm: reply is nested too deeply") from error
    if isinstance(raw, dict) and raw.get("lookups") == []:
        del raw["lookups"]
    if not isinstance(raw, dict) or set(raw) != {"goals"} or not isinstance(raw["goals"], list):
        raise PlanningError('llm: expected {"goals": [...]}, got something else')
    if not 1 <= len(raw["goals"]) <= MAX_GOALS:
        raise PlanningError(f"llm: expected 1 to {MAX_GOALS} goals, got {len(raw['goals'])}")
    goals = tuple(goal_from_json(g, f"llm.goals[{i}]") for i, g in enumerate(raw["goals"]))
    return ParsedInstruction(goals, 0.8, "", "llm", tuple(notes))


class Interpreter:
    """Sentence -> goals for one home.

    Args:
        objects: called for what memory knows now (labels ground the grammar, rows go into the model's context).
        rooms: called for the room names memory knows.
        remembered: called with the sentence for what the tiers of memory say to it, one line each.
        client: made from the configuration when `llm_url` is set; a parameter for tests.
        lookup: runs one reading tool of memory for the model (see lookups); without it the model answers from its context alone.
    """

    def __init__(
        self,
        config: PlanningConfig,
        objects: Callable[[], Sequence[ObjectView]],
        rooms: Callable[[], Sequence[str]] = tuple,
        ontology: Ontology | None = None,
        client: ChatClient | None = None,
        remembered: Callable[[str], Sequence[str]] | None = None,
        lookup: lookups.Lookup | None = None,
    ) -> None:
        self._remembered, self._lookup = remembered, lookup
        self._objects, self._rooms, self._ontology = objects, rooms, ontology
        self._client = client
        if client is None and config.llm_url:
            limits = RemoteLimits(timeout_s=config.llm_timeout_s, max_tokens=config.llm_max_tokens)
            self._client = ChatClient(config.llm_url, config.llm_model, limits)

    def understand(self, sentence: str) -> ParsedInstruction:
        """The goals of `sentence`.

        Raises:
            PlanningError: neither the grammar nor (if configured) the model made sense of it; the message is the grammar's.
        """
        views = list(self._objects())
        parsed: ParsedInstruction | None = None
        problem: PlanningError | None = None
        try:
            parsed = language.parse(sentence, (v.label for v in views), self._rooms(), self._ontology)
        except PlanningError as error:
            problem = error
        if self._client is None or (parsed is not None and parsed.confidence >= SURE):
            if parsed is None:
                assert problem is not None
                raise problem
            return parsed
        try:
            lines = self._remembered(str(sentence)[:400]) if self._remembered is not None else ()
            return self._ask(self._client, context.messages(str(sentence)[:400], views, lines))
        except (RemoteError, PlanningError, MissingDependencyError) as error:
            note = f"the language model did not help ({error}); using the grammar"
        if parsed is None:
            raise PlanningError(f"{problem} [{note}]") from problem
        return ParsedInstruction(parsed.goals, parsed.confidence, parsed.question, "grammar", (*parsed.notes, note))

    def _ask(self, client: ChatClient, messages: list[dict[str, str]]) -> ParsedInstruction:
        """The model's goals, after at most a few look-ups of its own."""
        if self._lookup is not None:
            messages[0]["content"] += lookups.offer()
            for _ in range(lookups.MAX_ROUNDS):
                text = client.chat(messages, lookups.schema())
                calls = lookups.asked(text)
                if not calls:
                    return read_reply(text)
                told = lookups.answered(calls, self._lookup)
                messages += [{"role": "assistant", "content": text[:4000]}, {"role": "user", "content": told}]
        return read_reply(client.chat(messages, goal_schema()))
