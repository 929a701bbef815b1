"""Every error robomem raises on purpose. A message says who, expected, got, and what to do."""

from __future__ import annotations


class RobomemError(Exception):
    """Base of all errors raised on purpose by robomem."""


class InvalidInputError(RobomemError, ValueError):
    """Data at the door (frame, detections, file, sentence) is not what it must be."""


class ConfigError(RobomemError, ValueError):
    """A configuration key or value is unknown or out of range."""


class MissingDependencyError(RobomemError, ImportError):
    """An optional package is needed for this feature; the message says how to install it."""


class StoreError(RobomemError):
    """The database cannot be opened, read or written."""


class StoreLockedError(StoreError):
    """Another process has the database open for writing."""


class PlanningError(RobomemError):
    """A sentence or goal cannot be turned into a plan; the message says why and what to ask."""


class SafetyError(RobomemError):
    """A step was refused by the safety envelope."""
