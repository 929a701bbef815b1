"""What a thing looks like: a colour name a person would use, and a vector to recognise it by (colour, texture, size)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

COLOR_NAMES: tuple[str, ...] = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey")
HUE_BINS, GREY_BINS, EDGE_BINS = 12, 5, 8
EMBEDDING_DIM = HUE_BINS + GREY_BINS + 6 + EDGE_BINS + 1 + 3
MAX_SAMPLES = 400  # pixels of one object that are looked at; more change nothing and cost time
FULL_CHROMA = 22.0  # CIELAB chroma from which a pixel counts as fully coloured

# sRGB byte -> linear light (IEC 61966-2-1), and linear sRGB -> XYZ over the D65 white point.
_LINEAR = np.where(np.arange(256) <= 10, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4).astype(np.float32)
_XYZ = (np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
        / np.array([[0.95047], [1.0], [1.08883]])).astype(np.float32)
# Upper hue limits in CIELAB degrees, and the name below each; red wraps around.
_HUES = np.array([12.0, 48.0, 76.0, 108.0, 210.0, 302.0, 335.0, 360.0], np.float32)
_HUE_NAMES = np.array([COLOR_NAMES.index(n) for n in ("pink", "red", "orange", "yellow", "green", "blue", "purple", "pink")])


def lab_from_rgb(rgb: NDArray[np.uint8]) -> Float32:
    """CIELAB Float32[n, 3] (L 0..100, a, b) of sRGB UInt8[n, 3]."""
    xyz = _LINEAR[rgb] @ _XYZ.T
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1).astype(np.float32)


def color_indices(lab: Float32) -> NDArray[np.intp]:
    """Index into COLOR_NAMES of each pixel Float32[n, 3] CIELAB."""
    lightness, a, b = lab.T
    chroma = np.hypot(a, b)
    hue = np.degrees(np.arctan2(b, a)) % 360.0
    name = _HUE_NAMES[np.searchsorted(_HUES, hue, side="right").clip(0, len(_HUES) - 1)]
    dark_warm = (hue > 30) & (hue < 92) & (lightness < 56) & (chroma < 62 - 0.25 * lightness)
    name = np.where(dark_warm, COLOR_NAMES.index("brown"), name)
    pale_red = (name == COLOR_NAMES.index("red")) & (lightness > 62) & (chroma < 50)
    name = np.where(pale_red, COLOR_NAMES.index("pink"), name)
    # Shadows keep their hue but lose chroma with the light, so the limit for "no colour" falls with lightness.
    grey = chroma < 7 + 0.07 * lightness
    shade = np.where(lightness > 78, COLOR_NAMES.index("white"), np.where(lightness < 24, COLOR_NAMES.index("black"), COLOR_NAMES.index("grey")))
    return np.where(grey, shade, np.where(lightness < 10, COLOR_NAMES.index("black"), name))


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
    out = np.zeros(EDGE_BINS + 1, np.float32)
    grey = rgb[..., 1].astype(np.float32)  # green is most of luminance, and one channel is cheap
    if min(grey.shape) < 3:
        return out
    gx, gy = grey[1:-1, 2:] - grey[1:-1, :-2], grey[2:, 1:-1] - grey[:-2, 1:-1]
    inside = mask[1:-1, 1:-1] & mask[1:-1, 2:] & mask[1:-1, :-2] & mask[2:, 1:-1] & mask[:-2, 1:-1]
    gx, gy = gx[inside], gy[inside]
    if gx.size == 0:
        return out
    strength = np.hypot(gx, gy)
    direction = (np.arctan2(gy, gx) % np.pi * (EDGE_BINS / np.pi)).astype(np.intp) % EDGE_BINS
    out[:EDGE_BINS] = np.bincount(direction, strength, EDGE_BINS) / max(float(strength.sum()), 1e-6)
    out[EDGE_BINS] = float((strength > 24).mean())
    return out


def embedding(lab: Float32, edges: Float32, size_m: Float32) -> Float32:
    """Unit-norm appearance vector Float32[EMBEDDING_DIM].

    Histogram entries enter as square roots, so that the dot product of two vectors is near the Bhattacharyya overlap of their histograms.

    Args:
        lab: Float32[n, 3] CIELAB pixels of the thing.
        edges: Float32[EDGE_BINS + 1] from `edge_histogram`.
        size_m: Float32[3] extents, m.
    """
    if len(lab) == 0:
        lab = np.float32([[50, 0, 0]])
    colored = np.minimum(np.hypot(lab[:, 1], lab[:, 2]) / FULL_CHROMA, 1.0) ** 2
    place = (np.arctan2(lab[:, 2], lab[:, 1]) / (2 * np.pi) % 1.0) * HUE_BINS
    low, part = place.astype(np.intp) % HUE_BINS, place % 1.0
    # Soft bins: a hue on a border must not jump from one bin to the next.
    hues = np.bincount(low, colored * (1 - part), HUE_BINS) + np.bincount((low + 1) % HUE_BINS, colored * part, HUE_BINS)
    level = np.clip(lab[:, 0] / 100 * (GREY_BINS - 1), 0, GREY_BINS - 1.001)
    low, part, plain = level.astype(np.intp), level % 1.0, 1 - colored
    greys = np.bincount(low, plain * (1 - part), GREY_BINS) + np.bincount(low + 1, plain * part, GREY_BINS)
    color = np.sqrt(np.concatenate([hues, greys]) / len(lab))
    mean, spread = lab.mean(axis=0) / (60, 40, 40), lab.std(axis=0) / (40, 30, 30)
    texture = np.concatenate([np.sqrt(edges[:EDGE_BINS]), edges[EDGE_BINS:]])
    extents = np.sort(np.clip(size_m, 0.01, 5.0))
    scale = np.log(extents / 0.1) / np.log(10.0)
    out = np.concatenate([color, 0.35 * mean, 0.25 * spread, 0.25 * texture, 0.3 * scale]).astype(np.float32)
    return out / max(float(np.linalg.norm(out)), 1e-6)
