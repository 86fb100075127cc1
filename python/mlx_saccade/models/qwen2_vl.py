"""The vision tower of Qwen2-VL: that of Qwen2.5-VL with other norms, another MLP, and no windows.

Follows arXiv 2409.12191, section 2.1, and `Qwen2VisionTransformerPretrainedModel` of transformers 5.23.0. Attribute
names are the checkpoint's keys. Symbols in shapes: N patches, D width.
"""

from __future__ import annotations

from mlx_saccade.backend import mx, nn
from mlx_saccade.models import layers
from mlx_saccade.models.config import VisionConfig
from mlx_saccade.models.qwen2_5_vl import Block, PatchMerger, VisionModel

__all__ = ["PlainVisionModel"]


class MLP(nn.Module):
    """Two layers around the quick GELU, x sigmoid(1.702 x)."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def __call__(self, x: mx.array) -> mx.array:
        """[N, D] -> [N, D]; in float32 from the first layer on where x is float16, as in Qwen2.5-VL."""
        wide = self.fc1(x)
        out: mx.array = self.fc2(layers.quick_gelu(wide.astype(mx.float32) if x.dtype == mx.float16 else wide))
        return out


class PlainBlock(Block):
    """A block with LayerNorm and the plain MLP."""

    norm_type = nn.LayerNorm
    mlp_type = MLP


class PlainMerger(PatchMerger):
    """A merger with LayerNorm."""

    norm_type = nn.LayerNorm


class PlainVisionModel(VisionModel):
    """The tower; its config has no windows, so every block attends over the whole frame."""

    block_type = PlainBlock
    merger_type = PlainMerger
