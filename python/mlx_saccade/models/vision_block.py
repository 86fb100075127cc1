"""One block of a vision tower, which the families' towers share; their attention, norms and MLP are their own.

Symbols in shapes: N patches, D width, d head width.
"""

from __future__ import annotations

from typing import Any

from mlx_saccade.backend import mx, nn
from mlx_saccade.models import layers
from mlx_saccade.models.execution import QUARTERS, EvalBudget, Segments, map_rows

__all__ = ["VisionBlock"]


class VisionBlock(nn.Module):
    """Attention, then MLP, each on the normalized stream and added to it.

    Attributes:
        norm1: norm before attention.
        norm2: norm before the MLP.
        attn: has `project`, `attend` and `output`.
        mlp: [N, D] -> [N, D].
    """

    norm1: nn.Module
    norm2: nn.Module
    attn: Any
    mlp: Any

    def __call__(self, x: mx.array, segments: Segments, cos: mx.array, sin: mx.array, budget: EvalBudget) -> mx.array:
        """[N, D] -> [N, D]; all but attention goes by rows, so that its memory does not grow with N.

        Args:
            x: the stream, float32 if the weights are float16, else in their precision.
            segments: patches that attend to each other.
            cos: [N, 1, d/2].
            sin: as cos.
            budget: of the pass.
        """

        def project(rows: slice) -> mx.array:
            heads: mx.array = self.attn.project(layers.normalize(self.norm1, x[rows]), cos[rows], sin[rows])
            return heads

        def rest(rows: slice) -> mx.array:
            part = x[rows] + self.attn.output(attended[rows])
            out: mx.array = part + self.mlp(layers.normalize(self.norm2, part))
            return out

        attended = self.attn.attend(map_rows(len(x), project, budget, 1), segments, budget)
        return map_rows(len(x), rest, budget, QUARTERS - 1)
