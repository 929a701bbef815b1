"""What a thing looks like: a colour name a person would use, and a vector to recognise it by (colour, texture, size)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robomem.perception import kernels_image
from robomem.perception.kernels import color_statistics, edge_statistics

Float32 = NDArray[np.float32]

COLOR_NAMES: tuple[str, ...] = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey")
HUE_BINS, GREY_BINS, EDGE_BINS = 12, 5, 8
EMBEDDING_DIM = HUE_BINS + GREY_BINS + 6 + EDGE_BINS + 1 + 3
MAX_SAMPLES = 300  # pixels of one object that are looked at; more change nothing and cost time
FULL_CHROMA = 22.0  # CIELAB chroma from which a pixel counts as fully coloured

# sRGB byte -> linear light (IEC 61966-2-1), and linear sRGB -> XYZ over the D65 white point.
_LINEAR = np.where(np.arange(256) <= 10, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4).astype(np.float32)
_XYZ = (
    np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
    / np.array([[0.95047], [1.0], [1.08883]])
).astype(np.float32)
# Upper hue limits in CIELAB degrees, and the name below each; red wraps around.
_HUES = np.array([12.0, 48.0, 76.0, 108.0, 210.0, 302.0, 335.0, 360.0], np.float32)
_HUE_NAMES = np.array([COLOR_NAMES.index(n) for n in ("pink", "red", "orange", "yellow", "green", "blue", "purple", "pink")])
_SPECIAL = tuple(COLOR_NAMES.index(n) for n in ("red", "pink", "brown", "black", "white", "grey"))


def lab_from_rgb(rgb: NDArray[np.uint8]) -> Float32:
    """CIELAB Float32[n, 3] (L 0..100, a, b) of sRGB UInt8[n, 3]."""
    return kernels_image.lab_from_rgb(rgb, _LINEAR, _XYZ)


def color_indices(lab: Float32) -> NDArray[np.intp]:
    """Index into COLOR_NAMES of each pixel Float32[n, 3] CIELAB."""
    return kernels_image.color_indices(lab, _HUES, _HUE_NAMES, *_SPECIAL)


def color_name(lab: Float32, share: float = 0.5) -> str:
    """The colour of most of the pixels Float32[n, 3] CIELAB; "" when mixed."""
    if len(lab) == 0:
        return ""
    counts = np.bincount(color_indices(lab), minlength=len(COLOR_NAMES))
    best = int(np.argmax(counts))
    if counts[best] < share * len(lab):
        # White, grey and black are one surface in light and shade: together they may outweigh any hue.
        neutral = {COLOR_NAMES.index(n): counts[COLOR_NAMES.index(n)] for n in ("white", "grey", "black")}
        if sum(neutral.values()) < 0.7 * len(lab):
            return ""
        best = max(neutral, key=lambda i: neutral[i])
    return COLOR_NAMES[best]


def sample(rgb: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """At most MAX_SAMPLES pixels UInt8[n, 3] of UInt8[h, w, 3] under Bool[h, w], evenly spread."""
    pixels = rgb[mask]
    return pixels[:: max(1, len(pixels) // MAX_SAMPLES)]


def edge_histogram(rgb: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Float32:
    """Texture Float32[EDGE_BINS + 1]: strength of brightness edges by direction (mod 180 degrees), and how much of the thing is edge."""
    green = np.ascontiguousarray(rgb[..., 1])  # green is most of luminance, and one channel is cheap
    return edge_statistics(green, mask, EDGE_BINS, 24.0).astype(np.float32)


def embedding(lab: Float32, edges: Float32, size_m: Float32) -> Float32:
    """Unit-norm appearance vector Float32[EMBEDDING_DIM].

    Histogram entries enter as square roots, so that the dot product of two vectors is near the Bhattacharyya overlap of their histograms.

    Args:
        lab: Float32[n, 3] CIELAB pixels of the thing.
        edges: Float32[EDGE_BINS + 1] from `edge_histogram`.
        size_m: Float32[3] extents, m.
    """
    if len(lab) == 0:
        lab = np.array([[50, 0, 0]], np.float32)
    stats = color_statistics(lab, HUE_BINS, GREY_BINS, FULL_CHROMA)
    bins = HUE_BINS + GREY_BINS
    color, mean, spread = np.sqrt(stats[:bins]), stats[bins : bins + 3] / (60, 40, 40), stats[bins + 3 :] / (40, 30, 30)
    texture = np.concatenate([np.sqrt(edges[:EDGE_BINS]), edges[EDGE_BINS:]])
    extents = np.sort(np.clip(size_m, 0.01, 5.0))
    scale = np.log(extents / 0.1) / np.log(10.0)
    out = np.concatenate([color, 0.35 * mean, 0.25 * spread, 0.25 * texture, 0.3 * scale]).astype(np.float32)
    return out / max(float(np.linalg.norm(out)), 1e-6)


# Names that one surface may get under another light: shade turns red into brown, a lamp white into yellow.
NEIGHBOURS = frozenset(
    frozenset(pair)
    for pair in (
        ("red", "brown"),
        ("red", "pink"),
        ("red", "orange"),
        ("orange", "brown"),
        ("orange", "yellow"),
        ("yellow", "white"),
        ("white", "grey"),
        ("grey", "black"),
        ("blue", "purple"),
        ("pink", "purple"),
        ("brown", "black"),
        ("brown", "yellow"),
        ("blue", "black"),
        ("green", "black"),
    )
)


def colors_agree(a: str, b: str) -> bool:
    """True if two colour names may be the same surface seen twice; an unnamed colour agrees with all."""
    return not a or not b or a == b or frozenset((a, b)) in NEIGHBOURS


UNLIKE = 0.5  # 1 - cosine of two appearance vectors from which, with colours that do not agree, no light explains the difference


def unlike(a: NDArray[np.float32], color_a: str, b: NDArray[np.float32], color_b: str) -> bool:
    """True if two looks (unit appearance vector and colour name) cannot be one thing's; False where one of them is unknown."""
    known = a.size > 0 and a.shape == b.shape and bool(color_a) and bool(color_b)
    return known and not colors_agree(color_a, color_b) and 1.0 - float(a @ b) > UNLIKE
