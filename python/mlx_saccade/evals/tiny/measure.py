"""The parts of the evaluation: ask the questions of one unit and score the answers, a plain row each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlx_saccade import grounding, media
from mlx_saccade.engine.request import locate
from mlx_saccade.evals.metrics import best_iou, bin_of, is_hit, share_of
from mlx_saccade.evals.tiny import questions
from mlx_saccade.evals.tiny.questions import NOTHING, Target
from mlx_saccade.grounding import Box
from mlx_saccade.policies import second_look
from mlx_saccade.scenes import describe

if TYPE_CHECKING:
    from mlx_saccade.engine import Engine
    from mlx_saccade.engine.shared_image import SharedImage
    from mlx_saccade.preprocess.plan import Plan
    from mlx_saccade.scenes import Element, Scene

__all__ = ["PARTS", "ZOOM_BUDGET", "ZOOM_SHARES", "ambiguity", "in_range", "law"]

Row = dict[str, Any]
# Shares of each side that the crop of the second look keeps.
ZOOM_SHARES = (0.5, 0.25)
# Maximum tokens of an answer.
MAX_TOKENS = 64
# Tokens of each look.
ZOOM_BUDGET = 256
# The second seed of the random numbers for bare desktop, beside the unit.
BARE_SEED = 1


@dataclass(frozen=True)
class Question:
    """A question, the part of its row that is known before the answer, and the target if boxes are asked for."""

    text: str
    row: Row
    target: Target | None = None


def _score(boxes: Sequence[Box], target: Target) -> Row:
    """Return the scores of an answer: its first box against the best of the target's."""
    score = {"iou": round(best_iou(boxes, target.boxes), 4), "hit": is_hit(boxes, target.boxes)}
    return {"share": target.share, **score, "found": bool(boxes)}


def in_range(engine: Engine, unit: int) -> list[Row]:
    """Return the rows of one in-range screen: places, absent elements, points, boxes and bare desktop.

    No rows if the screen has too few elements to count.
    """
    screen = questions.range_screen(unit)
    if screen is None:
        return []
    scene, budget = screen
    image = engine.shared_image(scene.image, budget=budget)
    batch = list(_range_questions(scene, image.plan, unit))
    answers = image.ask([question.text for question in batch], max_tokens=MAX_TOKENS)
    rows = [
        {**question.row, **_judge(question, answer.text, image.plan)}
        for question, answer in zip(batch, answers, strict=True)
    ]
    # Asked apart and with random numbers of their own, so that they change no answer above.
    rows += _bare_desktop(image, scene, np.random.RandomState([unit, BARE_SEED]))
    return [{**row, "budget": budget, "tokens": image.plan.tokens} for row in rows]


def _range_questions(scene: Scene, plan: Plan, unit: int) -> Iterator[Question]:
    elements = questions.range_targets(scene.elements, plan, unit)
    for element in elements:
        target = Target(element.description, (element.box,), share_of(element, scene.size))
        yield Question(locate(element.description), _about("place", element, scene), target)
    for number in range(2):
        absent = scene.absent(2 * unit + number)
        yield Question(locate(absent), {"asked": "absent", "true": absent})
    rng = np.random.RandomState(unit)
    for element in questions.targets_to_point_at(elements, unit):
        point = questions.inner_point(scene, element, plan, rng)
        if point is not None:
            yield Question(questions.what_is_at(point), _about("point", element, scene))
        yield Question(questions.what_is_in(plan.to_model(element.box)), _about("box", element, scene))


def _about(kind: str, element: Element, scene: Scene) -> Row:
    """Return the part of a row that describes the question."""
    share = share_of(element, scene.size)
    return {"asked": kind, "kind": element.kind, "relation": element.relation, "true": element.description,
            "look": describe(element.color, element.kind), "share": share}  # fmt: skip


def _judge(question: Question, text: str, plan: Plan) -> Row:
    """Return the part of a row that describes the answer."""
    row = question.row
    if question.target is not None:
        return {**_score(grounding.read(text, plan).boxes, question.target), "nothing": text == NOTHING}
    if row["asked"] == "absent":
        return {"right": text == NOTHING, "found": bool(grounding.read(text, plan).boxes)}
    return {"right": text == row["true"], "looks": text in (row["true"], row["look"]), "said": text}


def _bare_desktop(image: SharedImage, scene: Scene, rng: np.random.RandomState) -> list[Row]:
    """Return the rows of a point and a box on bare desktop, if the screen has room for them."""
    point, box = questions.bare_point(scene, image.plan, rng), questions.bare_box(scene, image.plan, rng)
    batch = {}
    if point is not None:
        batch["bare point"] = questions.what_is_at(point)
    if box is not None:
        batch["bare box"] = questions.what_is_in(box)
    answers = image.ask(list(batch.values()), max_tokens=MAX_TOKENS)
    return [
        {"asked": name, "true": NOTHING, "right": answer.text == NOTHING, "said": answer.text}
        for name, answer in zip(batch, answers, strict=True)
    ]


def _locate_all(
    engine: Engine, image: Any, targets: Sequence[Target], budget: int
) -> tuple[list[tuple[Box, ...]], int]:
    """Return each target's boxes in source pixels at a budget, and the tokens of the image."""
    shared = engine.shared_image(image, budget=budget)
    answers = shared.locate([target.description for target in targets], max_tokens=MAX_TOKENS)
    return [answer.boxes for answer in answers], shared.plan.tokens


def law(engine: Engine, unit: int) -> list[Row]:
    """Return the rows of one 4K screen: targets of all sizes at every budget, and tiny ones again with a zoom."""
    scene, targets = questions.law_targets(unit)
    frame = media.open_image(scene.image)
    rows = []
    for budget in questions.LAW_BUDGETS:
        answers, tokens = _locate_all(engine, frame, targets, budget)
        for target, boxes in zip(targets, answers, strict=True):
            rows.append({"asked": "law", "budget": budget, "tokens": tokens, **_score(boxes, target)})
            if budget == ZOOM_BUDGET and bin_of(target.share) == "tiny":
                rows += list(_zoom(engine, frame, target, boxes))
    return rows


def _zoom(engine: Engine, frame: media.Frame, target: Target, first: Sequence[Box]) -> Iterator[Row]:
    """Yield the rows of a second look at each crop, with the budget of the first look."""
    for share in ZOOM_SHARES:
        boxes, _ = second_look(frame, first, share, lambda crop: _locate_all(engine, crop, [target], ZOOM_BUDGET)[0][0])
        yield {"asked": "zoom", "crop": share, **_score(boxes, target)}


def ambiguity(engine: Engine, unit: int) -> list[Row]:
    """Return the rows of one 4K screen: ambiguous targets, where either box is right, and clean counterparts."""
    scene, ambiguous, clean = questions.ambiguous_targets(unit)
    rows: list[Row] = []
    if not ambiguous:
        return rows
    for budget in questions.LAW_BUDGETS[1:]:
        answers, tokens = _locate_all(engine, scene.image, [*ambiguous, *clean], budget)
        for number, (target, boxes) in enumerate(zip([*ambiguous, *clean], answers, strict=True)):
            which = {"asked": "ambiguity", "ambiguous": number < len(ambiguous), "target": number}
            rows.append({**which, "budget": budget, "tokens": tokens, **_score(boxes, target)})
    return rows


PARTS = {"range": in_range, "law": law, "ambiguity": ambiguity}
