"""Motion of what stands still: millimetres while in view, centimetres while nobody looks. People walk in `agents`."""

from __future__ import annotations

STATIC_DIFFUSION_M = 0.002  # m per sqrt(frame) while in view: keeps particles apart, a centimetre over 25 frames
WANDER_M = 0.02  # m per sqrt(hour) out of sight: vacuum cleaners, cats and elbows move what nobody takes away


def unseen_minutes(unseen_ns: int) -> int:
    """Whole minutes out of sight: in steps, so that what nobody looks at is not made anew with every image."""
    return max(int(unseen_ns), 0) // 60_000_000_000


def wander(unseen_ns: int) -> float:
    """Variance (m^2 per axis) that a position gains while nobody looks, in closed form; being taken away is a matter of existence."""
    return WANDER_M**2 * unseen_minutes(unseen_ns) / 60.0
