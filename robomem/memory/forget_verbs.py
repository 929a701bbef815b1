"""Forgetting as a verb of RobotMemory: all or nothing, in the file and in RAM."""

from __future__ import annotations

from robomem.errors import InvalidInputError
from robomem.memory.forgetting import Eraser, Forgotten, Region
from robomem.memory.tier_verbs import TierVerbs
from robomem.memory.told_verbs import ToldVerbs


class ForgetVerbs(ToldVerbs, TierVerbs):
    """What RobotMemory does to forget."""

    def forget(self, label: str | None = None, id: int | None = None, region: Region | None = None) -> Forgotten:
        """Remove things from rows, history, observations, events, words, summaries and the world; then prove it by search.

        All of it is one transaction: after a fault everything is as it was.

        Args:
            label: every object of a class ("person").
            id: one object.
            region: (x_min, y_min, x_max, y_max) m, map frame: what is there, and what was seen there.

        Raises:
            InvalidInputError: not exactly one of the three.
            StoreError: something was left behind; it names where.
        """
        _exactly_one(label, id, region)
        with self._guard:
            eraser, name = Eraser(self.store), self.ontology.canonical(label) if label is not None else None
            world = self.world
            self._live.save()  # what a fault goes back to
            try:
                with self.store.together():
                    done = eraser.erase(name, self.store.resolve(int(id or 0)), region, world)
                    self._untell(eraser.untold)
                    self._live.save()
            except BaseException:
                self._take_up_again()
                raise
            self._recorder.forget(done.ids)
            try:
                self._forget_in_tiers(done.ids, name)
            finally:
                eraser.seal(done.ids, name)
            return done

    def _take_up_again(self) -> None:
        """Nothing was forgotten: what RAM has forgotten already is read from the file again."""
        self._live.model = None
        self.store.reread()
        self._recorder.corrections = self.store.corrections()
        self._history.reload()

    def would_forget(self, label: str | None = None, id: int | None = None, region: Region | None = None) -> Forgotten:
        """What `forget` would remove from the rows, which nothing is changed of; of a read-only memory, too.

        Raises:
            InvalidInputError: not exactly one of the three.
        """
        _exactly_one(label, id, region)
        with self._guard:
            name = self.ontology.canonical(label) if label is not None else None
            return Eraser(self.store, dry=True).erase(name, self.store.resolve(int(id or 0)), region, self._live.as_saved())


def _exactly_one(label: str | None, id: int | None, region: Region | None) -> None:
    if sum(v is not None for v in (label, id, region)) != 1:
        raise InvalidInputError("forget: give exactly one of label=, id=, region=")
