"""Answer planned requests to locate: those about one image share its encoding, those about several run in rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from mlx_saccade import media
from mlx_saccade.engine import hints, request
from mlx_saccade.engine.answer import Answer, StageTimer, last_answer
from mlx_saccade.engine.capture import Capture
from mlx_saccade.engine.encoder import EncodedMedia
from mlx_saccade.engine.grammar import BoxGrammar, Constraint, Vocabulary
from mlx_saccade.engine.policy import Crop, View
from mlx_saccade.engine.request import ImageOpener, Request
from mlx_saccade.engine.runner import ROWS, PlannedRequest, Runner
from mlx_saccade.errors import InputError
from mlx_saccade.grounding.frames import ConventionName
from mlx_saccade.preprocess.plan import Plan

__all__ = ["Locator", "crop_requests", "look", "with_screen"]


class Locator:
    """The way from planned requests to their answers, which may have to be boxes alone."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self._vocabulary: tuple[Vocabulary, list[bytes | None]] | None = None

    def answer_views(self, planned: Sequence[PlannedRequest], *, constrained: bool) -> list[Answer]:
        """Answer requests about several images, in rows; those that share an image one after another."""
        groups: dict[int, list[int]] = {}
        for place, one in enumerate(planned):
            groups.setdefault(id(one.request.media[0].source), []).append(place)
        alone = [places[0] for places in groups.values() if len(places) == 1 and not constrained]
        alone = alone if len(alone) > 1 else []  # one view is answered as `Engine.locate` does
        answers = dict(zip(alone, self.runner.run_batches([planned[place] for place in alone]), strict=True))
        for places in groups.values():
            if places[0] not in answers:
                together = self.answer_together([planned[place] for place in places], constrained=constrained)
                answers.update(zip(places, together, strict=True))
        return [answers[place] for place in range(len(planned))]

    def answer_samples(self, planned: Sequence[PlannedRequest], count: int, *, constrained: bool) -> list[list[Answer]]:
        """Answer each request `count` times by `Runner.run_samples`; requests that share an image encode it once."""
        encoded: dict[tuple[int, tuple[Plan, ...]], list[EncodedMedia]] = {}
        answers = []
        for one in planned:
            timer, key = StageTimer(), (id(one.request.media[0].source), one.plans)
            if key not in encoded:
                encoded[key] = self.runner.encode(one, timer)
            constraint = partial(self.only_boxes, one.plans[0], one.settings.convention) if constrained else None
            answers.append(
                self.runner.run_samples(one, count, encoded=encoded[key], constraint=constraint, timer=timer)
            )
        return answers

    def answer_together(
        self, planned: Sequence[PlannedRequest], *, constrained: bool, candidates: int = 1
    ) -> list[Answer]:
        """Answer requests about the same media, encoded once; the first answer's timings include the encoding."""
        timers = [StageTimer() for _ in planned]
        # `fit` may give a longer description a smaller image.
        firsts: dict[tuple[Plan, ...], int] = {}
        for place, one in enumerate(planned):
            firsts.setdefault(one.plans, place)
        encoded: dict[tuple[Plan, ...], list[EncodedMedia]] = {}
        places = list(firsts.values())
        for number, place in enumerate(places):
            later = [medium for other in places[number + 1 :] for medium in planned[other].request.media]
            encoded[planned[place].plans] = self.runner.encode(planned[place], timers[place], later=later)
        answers = []
        for one, timer in zip(planned, timers, strict=True):
            constraint = partial(self.only_boxes, one.plans[0], one.settings.convention) if constrained else None
            chunks = self.runner.run(
                one, encoded=encoded[one.plans], constraint=constraint, timer=timer, candidates=candidates
            )
            answers.append(last_answer(chunks))
        return answers

    def only_boxes(self, plan: Plan, convention: ConventionName | None = None) -> Constraint:
        """Return what may come next in an answer that is one box of a plan's image; convention None: the engine's."""
        if self._vocabulary is None:
            tokens = self.runner.prompts.token_bytes()
            self._vocabulary = Vocabulary(tokens, self.runner.model.config.eos_token_ids), tokens
        vocabulary, tokens = self._vocabulary
        convention = convention or self.runner.convention
        convention = plan.family.convention if convention == "auto" else convention
        limits = {"absolute": plan.resized_size, "thousandths": (1000, 1000)}
        if convention not in limits:
            raise InputError(f"constrained: {convention} are no whole numbers; leave it out")
        return Constraint(BoxGrammar(limits[convention]), vocabulary, tokens)


def look(
    frame: media.Frame,
    views: Sequence[View],
    runner: Runner,
    plan: Callable[[Request, ImageOpener], PlannedRequest],
    answer: Callable[[Sequence[PlannedRequest]], Sequence[Sequence[Answer]]],
    *,
    image_first: bool,
) -> list[list[Answer]]:
    """Return the answers to each view, in pixels of the whole image.

    Args:
        frame: the whole image.
        views: pairs of a crop and a description.
        runner: opens images.
        plan: plans a request, whose image the opener shares with the others.
        answer: returns the answers to each of several requests.
        image_first: as `Engine.locate`.
    """
    places: dict[Crop, list[int]] = {crop: [] for crop, _ in views}
    for number, (crop, _) in enumerate(views):
        places[crop].append(number)
    answers: dict[int, Sequence[Answer]] = {}
    crops = list(places)
    for start in range(0, len(crops), ROWS):  # a crop is a copy of its pixels, so few of them at a time
        numbers = [number for crop in crops[start : start + ROWS] for number in places[crop]]
        requests = crop_requests(frame, [views[number] for number in numbers], image_first=image_first)
        opener = runner.opener()
        planned = [plan(one, opener) for one in requests]
        answers.update(zip(numbers, answer(planned), strict=True))
    return [
        [hints.locating(one, words).moved(*crop[:2]) for one in answers[number]]
        for number, (crop, words) in enumerate(views)
    ]


def with_screen(answer: Answer, capture: Capture, size: tuple[int, int]) -> Answer:
    """Return a policy's answer about the region of a capture as one about the whole image, of `size`."""
    frames = answer.frames
    if capture.region is not None:  # the first look is at all of the region, unless the policy is the caller's own
        frames = tuple(
            replace(frame, source_size=size, region=capture.region)
            if frame.source_size == capture.region[2:]
            else frame
            for frame in frames
        )
    return replace(answer.moved(*capture.corner), frames=frames, screen=capture.screen)


def crop_requests(frame: media.Frame, views: Sequence[View], *, image_first: bool) -> list[Request]:
    """Return the requests of views; those of one crop have one image.

    A look at all of a file finds its features in the cache without decoding it.
    """
    whole: Any = frame.image if isinstance(frame, media.LazyFrame) else frame
    all_of_it = (0, 0, *frame.source_size)
    crops = {crop: whole if crop == all_of_it else frame.crop(crop) for crop, _ in views}
    return [request.place(crops[crop], words, image_first=image_first) for crop, words in views]
