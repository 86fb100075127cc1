"""UI-Zoomer: samples of the whole image vote, or their spread sizes the crop of one more look.

The source is arXiv 2604.14113 with its code (github.com/ZJU-REAL/UI-Zoomer), whose values are the defaults: 8 samples
at temperature 0.9, threshold (tau) 1.5 and spread (gamma) 1.0 as for Qwen2.5-VL on ScreenSpot-Pro, and a crop of at
least 512 pixels of the source. For UI-Venus it takes 1.0 and 2.5, for Qwen2.5-VL on ScreenSpot-v2 1.0 and 4.5.

1. Samples are drawn of the whole image. Their spatial agreement is the mean IoU of all pairs, and their confidence the
   mean of `Answer.token_probability`. The sum of both is the score S.
2. S above the threshold: no zoom. Each sample has a vote for each other one that it overlaps by more than half. The
   most votes win, among equals the surest.
3. Otherwise three quarters of the boxes are kept, those nearest to the median center. The variance of an axis is that
   of their centers plus the mean of (size / 4) squared. A square around the mean center is looked at greedily. Its side
   is 2 gamma standard deviations of the wider axis. At the border it is shifted inside. If it gives no box, the surest
   sample stays.

By the published results the gate never passed for Qwen2.5-VL on ScreenSpot-Pro: S was below 1.5 in 1,581 of 1,581
questions, so each of them took the zoom. What zooming there gained is not due to the gate.

Five things are this package's. The crop grows where it would cut the surest sample's box off: with gamma 1 it is half
as long as the box. Points count as boxes of 28 model pixels. Without a box in any sample there is none (the published
code clicks the middle of the screen). Both steps have the budget of the look, not 2 to 4.8 and 1 to 4 megapixels. The
prompt is that of `Engine.locate`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlx_saccade import validation
from mlx_saccade.grounding import iou
from mlx_saccade.policies.candidates import Candidate, edges
from mlx_saccade.policies.flat import flat
from mlx_saccade.policies.parameters import check_range
from mlx_saccade.policies.rounds import Looks, follow
from mlx_saccade.policies.tiles import centered, holding
from mlx_saccade.policies.trail import Crop, Trail, whole

if TYPE_CHECKING:
    from mlx_saccade import media
    from mlx_saccade.engine import Answer, Engine

__all__ = ["ui_zoomer"]

_SAME = 0.5  # samples that overlap by more than this vote for each other
_KEPT = 0.75  # share of the samples that size the crop
_SIGMAS = 4  # standard deviations that the side of a box counts for


def ui_zoomer(
    engine: Engine,
    frame: media.Frame,
    descriptions: Sequence[str],
    /,
    *,
    max_looks: int = 33,
    samples: int = 8,
    temperature: float = 0.9,
    tau: float = 1.5,
    gamma: float = 1.0,
    min_crop: int = 512,
    seed: int = 0,
    **options: Any,
) -> list[Answer]:
    """Locate each description by a vote of samples, or in a crop as large as they are spread.

    Args:
        engine: loaded engine.
        frame: whole image.
        descriptions: of the targets.
        max_looks: maximum looks for each description, of which each sample is one; 1 is the flat look.
        samples: of the whole image, fewer if `max_looks` does not allow them and the crop.
        temperature: of the samples, at least 0.
        tau: score, from 0 to 2, above which there is no zoom.
        gamma: half of the crop's side in standard deviations, above 0.
        min_crop: least side of the crop in pixels of the image.
        seed: of the first sample; the others follow. The same seed gives the same answer.
        options: other arguments of `Engine.look`.

    Returns:
        Answers with the boxes of the crop, or of the sample that was chosen; without a box if no sample has one.

    Raises:
        InputError: as `Engine.look`, or a parameter is outside its range.
    """
    validation.at_least(1, max_looks, "policy ui-zoomer: max_looks")
    count = validation.at_least(1, samples, "policy ui-zoomer: samples")
    validation.at_least(1, min_crop, "policy ui-zoomer: min_crop")
    check_range("policy ui-zoomer: tau", tau, 0, 2)
    check_range("policy ui-zoomer: gamma", gamma, 0, above=True)
    if max_looks == 1:
        return flat(engine, frame, descriptions, **options)
    views = [(whole(frame.source_size), words) for words in descriptions]
    sampled = engine.sample_looks(
        frame, views, min(count, max_looks - 1), temperature=temperature, seed=seed, **options
    )
    ways = [
        _vote_or_zoom(Trail(words, frame.source_size), answers, tau, gamma, min_crop)
        for words, answers in zip(descriptions, sampled, strict=True)
    ]
    return follow(engine, frame, descriptions, ways, options)


def _vote_or_zoom(trail: Trail, answers: Sequence[Answer], tau: float, gamma: float, min_crop: int) -> Looks[Answer]:
    added = [trail.add(answer, whole(trail.size)) for answer in answers]
    for number, look in enumerate(trail.looks):
        trail.judge(number, f"sample {number + 1} of {len(added)}: {look.verdict}")
    places = [place for place in added if place is not None]
    if not places:
        return trail.answer(None)
    shares = {place.look: _token_share(trail.answers[place.look]) for place in places}
    agreement, confidence = _agreement(places), sum(shares.values()) / len(shares)
    score = f"agreement {agreement:.2f} + confidence {confidence:.2f} of {len(places)} samples"
    surest = max(places, key=lambda one: shares[one.look])
    if agreement + confidence > tau:
        winner = max(places, key=lambda one: (_votes(one, places), shares[one.look]))
        trail.judge(winner.look, f"{score} is above {tau:g}: {_votes(winner, places)} votes")
        return trail.answer_of(winner)
    trail.judge(surest.look, f"{score} is not above {tau:g}: zoom")
    return (yield from trail.look_closer(_crop(places, surest, trail.size, gamma, min_crop), surest))


def _token_share(answer: Answer) -> float:
    """Return the confidence of a sample: the mean probability of its tokens, 1 where the engine gives none."""
    return 1.0 if answer.token_probability is None else answer.token_probability


def _agreement(places: Sequence[Candidate]) -> float:
    """Return the mean IoU of all pairs; 1 for a single place."""
    pairs = [iou(edges(one), edges(other)) for one, other in itertools.combinations(places, 2)]
    return sum(pairs) / len(pairs) if pairs else 1.0


def _votes(one: Candidate, places: Sequence[Candidate]) -> int:
    return sum(other is not one and iou(edges(one), edges(other)) > _SAME for other in places)


def _crop(places: Sequence[Candidate], surest: Candidate, size: tuple[int, int], gamma: float, min_crop: int) -> Crop:
    """Return the square whose side follows from the spread of the places that are nearest to their median."""
    centers = np.array([place.box.center for place in places])
    order = np.argsort(np.linalg.norm(centers - np.median(centers, axis=0), axis=1), kind="stable")
    kept = order[: max(1, int(len(places) * _KEPT))]
    sizes = np.array([(x2 - x1, y2 - y1) for x1, y1, x2, y2 in (places[number].box.xyxy for number in kept)])
    deviation = np.sqrt(centers[kept].var(axis=0) + np.square(sizes / _SIGMAS).mean(axis=0))
    side = max(min_crop, math.ceil(min(2 * gamma * float(deviation.max()), max(size))))
    x, y = centers[kept].mean(axis=0)
    return holding(centered((float(x), float(y)), size, (side, side)), surest.box.xyxy, size)
