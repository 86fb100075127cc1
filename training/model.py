"""The network in torch: Qwen2.5-VL's arithmetic, with attribute names equal to the checkpoint's keys.

Only what training needs: stills, one grid size a batch, several questions an image. `aux` is dropped at export.
B images, P patches, N = P / 4 merged tokens, S positions of the whole sequence.
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geometry import Geometry
from vocabulary import NUMBERS

PATCH_VALUES: Final = 3 * 14 * 14
PROBE_LAYER: Final = 1
POINTING_LAYER: Final = 3
TWIN_LAYER: Final = 4
# Parts of a token's side that a point is in.
OFFSETS: Final = 7


@dataclass(frozen=True)
class Shape:
    """The sizes of the network, all of which go into config.json."""

    vocabulary: int
    vision_width: int = 128
    vision_depth: int = 4
    vision_heads: int = 4
    vision_inner: int = 384
    full_attention: tuple[int, ...] = (1, 3)
    width: int = 192
    depth: int = 5
    heads: int = 6
    kv_heads: int = 2
    inner: int = 512
    head_dim: int = 32
    rope_theta: float = 40.0
    mrope_section: tuple[int, ...] = (2, 7, 7)
    eps: float = 1e-6
    kinds: int = 223


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply rotary positions to the last axis; `cos` and `sin` broadcast against `x`."""
    left, right = x.chunk(2, -1)
    return x * cos.to(x.dtype) + torch.cat([-right, left], -1) * sin.to(x.dtype)


class RMSNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.eps)


class MLP(nn.Module):
    def __init__(self, width: int, inner: int, bias: bool) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, inner, bias)
        self.up_proj = nn.Linear(width, inner, bias)
        self.down_proj = nn.Linear(inner, width, bias)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class VisionAttention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.vision_heads
        self.qkv = nn.Linear(shape.vision_width, 3 * shape.vision_width)
        self.proj = nn.Linear(shape.vision_width, shape.vision_width)

    def forward(self, x: Tensor, geometry: Geometry, full: bool) -> Tensor:
        B, P, width = x.shape
        qkv = self.qkv(x).view(B, P, 3, self.heads, -1)
        # torch's bfloat16 attention on the CPU is quick on long rows alone.
        q, k, v = (qkv if full else qkv.float()).unbind(2)
        cos, sin = geometry.vision_rotary
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        groups = ((1, P),) if full else geometry.groups
        parts, start = [], 0
        for windows, patches in groups:
            stop = start + windows * patches
            split = [t[:, start:stop].reshape(B * windows, patches, self.heads, -1).transpose(1, 2) for t in (q, k, v)]
            with torch.autocast("cpu", enabled=False):
                seen = F.scaled_dot_product_attention(*split)
            parts.append(seen.transpose(1, 2).reshape(B, stop - start, width))
            start = stop
        out: Tensor = self.proj(torch.cat(parts, 1) if len(parts) > 1 else parts[0])
        return out


class VisionBlock(nn.Module):
    def __init__(self, shape: Shape, full: bool) -> None:
        super().__init__()
        self.full = full
        self.norm1 = RMSNorm(shape.vision_width, shape.eps)
        self.norm2 = RMSNorm(shape.vision_width, shape.eps)
        self.attn = VisionAttention(shape)
        self.mlp = MLP(shape.vision_width, shape.vision_inner, bias=True)

    def forward(self, x: Tensor, geometry: Geometry) -> Tensor:
        x = x + self.attn(self.norm1(x), geometry, self.full)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class PatchEmbed(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.proj = nn.Linear(PATCH_VALUES, shape.vision_width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.proj(x)
        return out


class PatchMerger(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.ln_q = RMSNorm(shape.vision_width, shape.eps)
        merged = 4 * shape.vision_width
        self.mlp = nn.Sequential(nn.Linear(merged, merged), nn.GELU(), nn.Linear(merged, shape.width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mlp(self.ln_q(x).reshape(x.shape[0], x.shape[1] // 4, -1))
        return out


class Vision(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(shape)
        self.blocks = nn.ModuleList(VisionBlock(shape, i in shape.full_attention) for i in range(shape.vision_depth))
        self.merger = PatchMerger(shape)

    def forward(self, patches: Tensor, geometry: Geometry) -> Tensor:
        """Encode normalized patches [B, P, 588] in window order; return [B, N, width] in reading order."""
        x = self.patch_embed(patches)
        for block in self.blocks:
            x = block(x, geometry)
        out: Tensor = self.merger(x)[:, geometry.reading_order]
        return out


def attend(q: Tensor, k: Tensor, v: Tensor, geometry: Geometry) -> Tensor:
    """Attend under `geometry.mask`, [B, heads, S, head_dim], without the products that the mask would discard."""
    B, heads, _, width = q.shape
    shared, questions = geometry.shared, geometry.questions
    with torch.autocast("cpu", enabled=False):
        first = [t[:, :, :shared] for t in (q, k, v)]
        before = F.scaled_dot_product_attention(*first, is_causal=True)
    blocks = B, heads, questions.count, questions.length, width
    asking, own_k, own_v = (t[:, :, shared:].reshape(blocks) for t in (q / math.sqrt(width), k, v))
    far = asking.flatten(2, 3) @ first[1].transpose(2, 3)
    near = asking @ own_k.transpose(3, 4) + geometry.block_mask
    scores = torch.cat([far, near.flatten(2, 3)], -1).softmax(-1)
    seen_far, seen_near = scores.split([shared, questions.length], -1)
    after = seen_far @ first[2] + (seen_near.unflatten(2, (questions.count, -1)) @ own_v).flatten(2, 3)
    return torch.cat([before, after.float()], 2)


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.q_proj = nn.Linear(shape.width, shape.heads * shape.head_dim)
        self.k_proj = nn.Linear(shape.width, shape.kv_heads * shape.head_dim)
        self.v_proj = nn.Linear(shape.width, shape.kv_heads * shape.head_dim)
        self.o_proj = nn.Linear(shape.heads * shape.head_dim, shape.width, bias=False)

    def forward(self, x: Tensor, geometry: Geometry, pointing: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`pointing`: [B, rows] sequence positions whose attention is wanted, as logarithms [B, rows, S] of head 0."""
        B, S, _ = x.shape
        cos, sin = geometry.text_rotary
        q = rotate(self.q_proj(x).float().view(B, S, self.shape.heads, -1), cos, sin).transpose(1, 2)
        k = rotate(self.k_proj(x).float().view(B, S, self.shape.kv_heads, -1), cos, sin).transpose(1, 2)
        v = self.v_proj(x).float().view(B, S, self.shape.kv_heads, -1).transpose(1, 2)
        repeat = self.shape.heads // self.shape.kv_heads
        full_k, full_v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
        out = attend(q, full_k, full_v, geometry)
        gaze = None
        if pointing is not None:
            rows = torch.arange(B)[:, None]
            scores = (q[:, 0][rows, pointing] @ k[:, 0].transpose(1, 2)).float() / math.sqrt(self.shape.head_dim)
            gaze = (scores + geometry.mask[pointing]).log_softmax(-1)
        return self.o_proj(out.transpose(1, 2).reshape(B, S, -1)), gaze


class DecoderLayer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(shape.width, shape.eps)
        self.post_attention_layernorm = RMSNorm(shape.width, shape.eps)
        self.self_attn = Attention(shape)
        self.mlp = MLP(shape.width, shape.inner, bias=False)

    def forward(self, x: Tensor, geometry: Geometry, pointing: Tensor | None) -> tuple[Tensor, Tensor | None]:
        attended, gaze = self.self_attn(self.input_layernorm(x), geometry, pointing)
        x = x + attended
        return x + self.mlp(self.post_attention_layernorm(x)), gaze


class Language(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.depth))
        self.norm = RMSNorm(shape.width, shape.eps)


class Helpers(nn.Module):
    """The heads that exist in training only."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.kinds = nn.Linear(shape.width, shape.kinds)
        self.boxes = nn.Linear(shape.width, 8)
        self.position = nn.Linear(shape.width, 2)
        self.tops = nn.Linear(shape.width, 4 * (shape.kinds + 1))
        self.offsets = nn.Linear(shape.width, 2 * OFFSETS)


@dataclass(frozen=True)
class Output:
    """hidden [B, S, width] after the last norm; per image token: kinds, boxes, position, tops.

    Of the rows whose attention is wanted: gaze and second [B, rows, S], offsets [B, rows, 2, OFFSETS].
    """

    hidden: Tensor
    gaze: Tensor | None
    second: Tensor | None
    offsets: Tensor | None
    kinds: Tensor
    boxes: Tensor
    position: Tensor
    tops: Tensor


class Net(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.visual = Vision(shape)
        self.model = Language(shape)
        self.lm_head = nn.Linear(shape.width, shape.vocabulary, bias=False)
        self.aux = Helpers(shape)
        initialize(self)

    def forward(self, patches: Tensor, tokens: Tensor, geometry: Geometry, pointing: Tensor | None = None) -> Output:
        """`tokens` [B, S - N]: everything but the image, which stands at `geometry.image_start`."""
        image = self.visual(patches, geometry)
        text = self.model.embed_tokens(tokens)
        start, stop = geometry.image_start, geometry.image_start + image.shape[1]
        x = torch.cat([text[:, :start], image.to(text.dtype), text[:, start:]], 1)
        looks: dict[int, Tensor | None] = {}
        offsets, position, tops = None, image, image
        for index, layer in enumerate(self.model.layers):
            if index == POINTING_LAYER:
                tops = self.aux.tops(x[:, start:stop]).unflatten(-1, (4, -1))
                if pointing is not None:
                    asking = x[torch.arange(len(x))[:, None], pointing]
                    offsets = self.aux.offsets(asking).unflatten(-1, (2, OFFSETS))
            x, looks[index] = layer(x, geometry, pointing if index in (POINTING_LAYER, TWIN_LAYER) else None)
            if index == PROBE_LAYER:
                position = self.aux.position(x[:, start:stop])
        gaze, second = looks[POINTING_LAYER], looks[TWIN_LAYER]
        kinds, boxes = self.aux.kinds(image), self.aux.boxes(image)
        return Output(self.model.norm(x), gaze, second, offsets, kinds, boxes, position, tops)


@torch.no_grad()
def initialize(net: Net) -> None:
    """Scale matrices by their fan-in; let neighboring numbers start out alike."""
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
        elif parameter.dim() == 2:
            small = "embed_tokens" in name or "lm_head" in name
            nn.init.normal_(parameter, std=0.02 if small else 0.7 / math.sqrt(parameter.shape[1]))
    net.aux.kinds.bias.fill_(-4.0)  # most tokens show few kinds
    numbers = torch.arange(NUMBERS).float()[:, None]
    waves = 30
    longest, shortest = 5200.0, 20.0
    frequency = 2 * math.pi / (longest * (shortest / longest) ** torch.linspace(0, 1, waves))[None]
    smooth = 0.05 * torch.cat([(numbers * frequency).sin(), (numbers * frequency).cos()], 1)
    for weight in (net.model.embed_tokens.weight, net.lm_head.weight):
        weight[:NUMBERS, : 2 * waves] += smooth
