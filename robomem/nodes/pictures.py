"""Compressed images: JPEG and PNG messages -> arrays, checked like everything that enters."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.nodes.conversions import MAX_PIXELS
from robomem.nodes.wire import WireError


def _picture(data: bytes, name: str, mode: str | None) -> NDArray[Any]:
    """The pixels of a JPEG or PNG; its size is checked before it is unpacked."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
            if not 0 < picture.width * picture.height <= MAX_PIXELS:
                raise WireError("absurd_size", f"{name}: {picture.width}x{picture.height} pixels")
            return np.asarray(picture.convert(mode) if mode else picture)
    except (OSError, SyntaxError, ValueError, Pillow.DecompressionBombError) as error:  # PIL reports damage in a PNG header as SyntaxError
        raise WireError("damaged_image", f"{name}: no JPEG or PNG that can be read: {error}") from None


def compressed_rgb(msg: Any) -> NDArray[np.uint8]:
    """sensor_msgs/CompressedImage (JPEG or PNG) -> UInt8[h, w, 3].

    Raises:
        WireError: no such picture.
    """
    return _picture(bytes(msg.data), "compressed colour image", "RGB").astype(np.uint8, copy=False)


def compressed_depth(msg: Any) -> NDArray[np.float32]:
    """sensor_msgs/CompressedImage of 16-bit PNG, mm (plain, or as compressed_depth_image_transport packs it) -> Float32[h, w] m.

    Raises:
        WireError: no such picture, or the transport's lossy coding of float depth.
    """
    data = bytes(msg.data)
    if "compressedDepth" in msg.format:
        if not msg.format.startswith("16UC1"):
            raise WireError("wrong_encoding", f"compressed depth: {msg.format!r}; expected 16UC1")
        data = data[12:]  # the transport's header: format and two quantisation constants that 16UC1 does not use
    raw = _picture(data, "compressed depth image", None)
    if raw.ndim != 2 or raw.dtype.kind not in "iu" or raw.dtype.itemsize < 2:
        raise WireError("wrong_encoding", f"compressed depth: a PNG of {raw.dtype} {raw.shape}; expected 16 bit, one channel")
    return raw.astype(np.float32) / np.float32(1000)
