"""Compute the losses: boxes as smooth distributions, attention to targets, and dense labels."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from data import FORM, NAME, NOT_TAUGHT, PRESENCE, Batch
from geometry import Geometry
from model import OFFSETS, Net, Output
from screens import TOKEN
from vocabulary import NUMBERS

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]) * 255
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]) * 255


def patches(images: Tensor, geometry: Geometry) -> Tensor:
    """Cut uint8 [B, H, W, 3] into normalized patches [B, P, 588], each (channel, y, x), in window order."""
    B, rows, columns = images.shape[0], geometry.rows, geometry.columns
    x = (images.float() - MEAN) / STD
    x = x.view(B, rows, 2, 14, columns, 2, 14, 3).permute(0, 1, 4, 2, 5, 7, 3, 6)
    return x.reshape(B, rows * columns, 4 * 588)[:, geometry.window_order].reshape(B, -1, 588)


@dataclass(frozen=True)
class Weights:
    """The weights of the parts of the loss; `width` is the spread of a number's target in pixels."""

    width: float
    helpers: float


def sequence_rows(batch: Batch, geometry: Geometry) -> Tensor:
    """Return [B, Q * 5], the positions of `Batch.pointing` in the whole sequence."""
    rows = batch.pointing.flatten(1)
    return torch.where(rows > geometry.image_start, rows + geometry.tokens, rows)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp_min(1)


def _numbers(net: Net, hidden: Tensor, batch: Batch, rows: Tensor, width: float) -> Tensor:
    """Return the cross entropy against a Gaussian over the numbers around the true coordinate."""
    taken = hidden[torch.arange(len(rows))[:, None], rows].view(*batch.placed.shape, 5, -1)[batch.placed > 0][:, :4]
    logits = net.lm_head(taken).float()
    near = min(NUMBERS, TOKEN * max(batch.rows, batch.columns) + round(4 * width))
    true = batch.boxes[batch.placed > 0][..., None]
    goal = torch.softmax(-0.5 * ((torch.arange(near) - true) / width) ** 2, -1)
    loss = logits.logsumexp(-1) - (goal * logits[..., :near]).sum(-1)
    return loss.sum() / max(1, loss.numel())


def _words(net: Net, hidden: Tensor, batch: Batch, geometry: Geometry) -> dict[str, Tensor]:
    """Return the plain cross entropy of all answer tokens but numbers, by role."""
    spoken = torch.cat([hidden[:, : geometry.image_start], hidden[:, geometry.image_start + geometry.tokens :]], 1)
    taught = batch.roles != NOT_TAUGHT
    loss = F.cross_entropy(net.lm_head(spoken[taught]).float(), batch.targets[taught], reduction="none")
    roles = batch.roles[taught]
    parts = {"form": FORM, "presence": PRESENCE, "names": NAME}
    return {name: _mean(loss, (roles == role).float()) for name, role in parts.items()}


def _gaze(gaze: Tensor, wanted: Tensor, geometry: Geometry) -> Tensor:
    """Return minus the logarithm of the attention on `wanted` ([B, Q, 5, N]), where there is a target."""
    start = geometry.image_start
    on_image = gaze[:, :, start : start + geometry.tokens].view_as(wanted)
    seen = on_image.masked_fill(~wanted, -1e4).logsumexp(-1)
    return -_mean(seen, wanted.any(-1).float())


def _offsets(offsets: Tensor, batch: Batch) -> Tensor:
    """Return the loss of a point's place in its token, at the last token before the answer and the first of it."""
    known = offsets.float().view(*batch.placed.shape, 5, 2, OFFSETS)[:, :, (0, 4)]
    true = batch.offsets[:, :, None].expand(known.shape[:-1])
    loss = F.cross_entropy(known.flatten(0, -2), true.flatten(), ignore_index=-1, reduction="sum")
    return loss / (true >= 0).sum().clamp_min(1)


def _dense(output: Output, batch: Batch) -> dict[str, Tensor]:
    kinds = F.binary_cross_entropy_with_logits(output.kinds.float(), batch.kinds, reduction="none").sum(-1).mean()
    off = F.smooth_l1_loss(output.boxes.float(), batch.distances, reduction="none", beta=0.1)
    boxes = _mean(off.unflatten(-1, (2, 4)).mean(-1), batch.covered)
    places = torch.cartesian_prod(torch.arange(batch.rows), torch.arange(batch.columns)) / 8.0
    position = F.smooth_l1_loss(output.position.float(), places.expand_as(output.position))
    tops = F.cross_entropy(output.tops.float().flatten(0, 2), batch.tops.flatten())
    return {"kinds": kinds, "boxes": boxes, "position": position, "tops": tops}


def losses(net: Net, batch: Batch, geometry: Geometry, weights: Weights, dtype: torch.dtype) -> dict[str, Tensor]:
    """Run one batch; "total" is what to minimize, the rest are its parts before weighting."""
    rows = sequence_rows(batch, geometry)
    inputs = patches(batch.images, geometry)
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        output = net(inputs, batch.tokens, geometry, rows)
        parts = {
            "numbers": _numbers(net, output.hidden, batch, rows, weights.width),
            **_words(net, output.hidden, batch, geometry),
            "gaze": _gaze(output.gaze, batch.edges, geometry),
            "second": _gaze(output.second, batch.second, geometry),
            "offsets": _offsets(output.offsets, batch),
            **_dense(output, batch),
        }
    words = 0.1 * parts["form"] + 1.5 * parts["presence"] + 2 * parts["names"]
    asking = 0.5 * parts["gaze"] + 0.2 * parts["second"] + 0.2 * parts["offsets"]
    helpers = asking + 0.5 * parts["kinds"] + 2 * parts["boxes"] + 2 * parts["position"] + parts["tops"]
    parts["total"] = parts["numbers"] + words + weights.helpers * helpers
    return parts
