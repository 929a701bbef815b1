"""The place reader without torch: attention over chunks of the past with learned keys and queries, in NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NAMES = ("embed", "chunk_key", "record_key", "ask", "queries")
Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class PlaceReader:
    """Learned two-stage read (HCAM): mean summary per chunk, top-k chunks, attention inside each, softmax over the k.

    Attributes:
        weights: "embed.weight" Float32[hidden, f], "embed.bias", and so on for NAMES.
    """

    weights: Weights

    def read(
        self, frames: NDArray[np.float32], chunks: Sequence[NDArray[np.int64]], questions: NDArray[np.float32], k: int
    ) -> NDArray[np.float32]:
        """Weights of all records for some questions; those of chunks that were not chosen are zero, the others sum to one.

        Args:
            frames: Float32[T, f], as they were described when the reader was trained.
            chunks: rows of `frames`; none empty.
            questions: Float32[Q, q].
            k: chunks attended to.

        Returns:
            Float32[Q, T]. Cost: O(T) for the keys, which do not depend on the question, and O(k) chunks a question.
        """
        out = np.zeros((len(questions), len(frames)), np.float32)
        if not len(chunks):
            return out
        embedded = np.maximum(self._linear("embed", frames), 0)  # [T, hidden]
        keys = self._linear("chunk_key", np.stack([embedded[c].mean(axis=0) for c in chunks]))  # [C, width]
        records = self._linear("record_key", embedded)  # [T, width]
        queries = self._linear("queries", np.maximum(self._linear("ask", questions), 0))
        to_chunk, to_record = np.split(queries / np.sqrt(np.float32(keys.shape[1])), 2, axis=1)
        relevance = to_chunk @ keys.T  # [Q, C]
        for q, row in enumerate(relevance):
            top = np.argsort(-row, kind="stable")[:k]
            for share, chunk in zip(_softmax(row[top]), (chunks[i] for i in top), strict=True):
                out[q, chunk] = share * _softmax(records[chunk] @ to_record[q])
        return out

    def _linear(self, name: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    e = np.exp(scores - scores.max())
    return e / e.sum()
