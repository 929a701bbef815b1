"""Trains the place reader: which chunk of the past, and which record in it, answers a question (HCAM). It runs in NumPy.

Implements the mechanism described in "Towards mental time travel: a hierarchical memory for reinforcement learning agents" (HCAM, Lampinen
et al. 2021): a mean summary per chunk, the top-k chunks, attention inside each, softmax over the k.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

NOT_ASKED = 1e-6  # what an answer may get that no chosen chunk holds: keeps the logarithm finite


@dataclass(frozen=True)
class Lesson:
    """A batch of B walks of T records with Q questions each.

    Attributes:
        frames: Float32[B, T, f].  questions: Float32[B, Q, q].
        chunks: Int64[B, C, n] records of each chunk, -1 where a chunk is shorter.
        right: Bool[B, Q, T] records that give the right answer.
    """

    frames: NDArray[np.float32]
    questions: NDArray[np.float32]
    chunks: NDArray[np.int64]
    right: NDArray[np.bool_]


class PlaceReaderNet(nn.Module):
    """Embeds records and questions; relevance of a chunk is its mean summary's, so that reading costs k chunks and not all.

    Args:
        frame, question: numbers that describe a record and a question.
        hidden, width: of the embedding, and of keys and queries.
    """

    def __init__(self, frame: int, question: int, hidden: int = 96, width: int = 48) -> None:
        super().__init__()
        self.embed = nn.Linear(frame, hidden)
        self.chunk_key, self.record_key = nn.Linear(hidden, width), nn.Linear(hidden, width)
        self.ask, self.queries = nn.Linear(question, hidden), nn.Linear(hidden, 2 * width)

    def forward(self, frames: Tensor, questions: Tensor, chunks: Tensor, k: int | None) -> Tensor:
        """Float[B, Q, C, n] weight of each record of each chunk; with k None all chunks are attended to."""
        b, c, n = chunks.shape
        held = chunks >= 0
        embedded = torch.relu(self.embed(frames))  # [B, T, hidden]
        rows = chunks.clamp(min=0).reshape(b, c * n)
        records = torch.take_along_dim(embedded, rows[..., None], 1).reshape(b, c, n, -1)
        mean = (records * held[..., None]).sum(2) / held.sum(2).clamp(min=1)[..., None]  # [B, C, hidden]
        to_chunk, to_record = self.queries(torch.relu(self.ask(questions))).chunk(2, -1)  # [B, Q, width] each
        scale = 1.0 / math.sqrt(to_chunk.shape[-1])
        relevance = torch.einsum("bqd,bcd->bqc", to_chunk, self.chunk_key(mean)) * scale
        relevance = relevance.masked_fill(~held.any(2)[:, None], -torch.inf)
        if k is not None and k < c:
            least = relevance.topk(k, -1).values[..., -1:]
            relevance = relevance.masked_fill(relevance < least, -torch.inf)
        inside = torch.einsum("bqd,bcnd->bqcn", to_record, self.record_key(records)) * scale
        inside = inside.masked_fill(~held[:, None], -1e9).softmax(-1)  # [B, Q, C, n]
        return relevance.softmax(-1)[..., None] * inside


def train(
    batches: Callable[[int], Lesson], steps: int, k: int, seed: int, lr: float = 3e-3, soft: float = 0.5
) -> tuple[dict[str, NDArray[np.float32]], list[float]]:
    """Fit a reader so that the weight of right records is high: loss -log sum of it. One thread, deterministic.

    For the first part of training every chunk is attended to: a hard choice by summaries that mean nothing yet would hide the right
    chunk and teach nothing. Then the top k, as in use.

    Args:
        batches: the lesson of each step.
        k: chunks that are read in use.
        soft: share of the steps that attend to all.

    Returns:
        Weights by name ("embed.weight" [hidden, f], ...) and the loss of each step.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    first = batches(0)
    net = PlaceReaderNet(first.frames.shape[-1], first.questions.shape[-1])
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    losses = []
    for step in range(steps):
        lesson = batches(step)
        chunks = torch.from_numpy(lesson.chunks)
        weights = net(torch.from_numpy(lesson.frames), torch.from_numpy(lesson.questions), chunks, None if step < soft * steps else k)
        held = (chunks >= 0)[:, None]  # [B, 1, C, n]
        b, q, _ = lesson.right.shape
        rows = chunks.clamp(min=0).reshape(b, 1, -1).expand(b, q, -1)
        right = torch.from_numpy(lesson.right).gather(2, rows).reshape(weights.shape) & held
        loss = -torch.log((weights * right).sum((2, 3)) + NOT_ASKED).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return {name: tensor.detach().numpy().copy() for name, tensor in net.state_dict().items()}, losses
