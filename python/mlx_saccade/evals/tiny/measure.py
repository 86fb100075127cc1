"""Asks what `asking` chose and scores the answers: plain rows, one an answer, unit after unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlx_saccade import grounding, media
from mlx_saccade.engine.shared_image import Sitting
from mlx_saccade.evals import bin_of, iou, share_of
from mlx_saccade.evals.tiny import questions
from mlx_saccade.evals.tiny import questions as asking
from mlx_saccade.evals.tiny import questions as bare
from mlx_saccade.evals.tiny.questions import Target
from mlx_saccade.grounding import Box, center_inside
from mlx_saccade.policies import second_look
from mlx_saccade.scenes import describe

if TYPE_CHECKING:
    from mlx_saccade.engine import Engine
    from mlx_saccade.scenes import Element, Scene

__all__ = ["PARTS", "ZOOM_BUDGET", "ZOOM_SHARES", "ambiguity", "in_range", "law"]

Row = dict[str, Any]
# What the crop of the second look keeps of each side.
ZOOM_SHARES = (0.5, 0.25)
# Tokens of each look.
ZOOM_BUDGET = 256
# Of the seed of what is asked on bare desktop, beside the screen's number.
BARE = 1


def _score(found: Sequence[Box], target: Target) -> Row:
    """How well the first box fits the best of the target's."""
    best = max((iou(found[0].xyxy, box) for box in target.boxes), default=0.0) if found else 0.0
    hit = bool(found) and any(center_inside(found[0], box) for box in target.boxes)
    return {"share": target.share, "iou": round(best, 4), "hit": hit, "found": bool(found)}


def in_range(engine: Engine, unit: int) -> list[Row]:
    """Places, absent things, points, boxes and bare desktop on one held-out screen; empty where it does not count."""
    drawn = asking.screen(unit)
    if drawn is None:
        return []
    scene, budget = drawn
    sitting = Sitting(engine, scene.image, budget=budget)
    plan = sitting.plan
    elements = asking.in_range(scene.elements, plan, unit)
    asked = [(questions.locate(element.description), _about("place", element, scene)) for element in elements]
    for turn in range(2):
        absent = scene.absent(2 * unit + turn)
        asked.append((questions.locate(absent), {"asked": "absent", "true": absent}))
    rng = np.random.RandomState(unit)
    for element in asking.pointed(elements, unit):
        point = asking.inner_point(scene, element, plan, rng)
        if point is not None:
            asked.append((questions.what_is_at(point), _about("point", element, scene)))
        asked.append((questions.what_is_in(plan.to_model(element.box)), _about("box", element, scene)))
    rows = []
    for number, (text, (_, row)) in enumerate(zip(sitting.ask([words for words, _ in asked]), asked, strict=True)):
        nothing = text == questions.NOTHING
        if row["asked"] == "place":
            target = Target(row["true"], (elements[number].box,), row["share"])
            row |= {**_score(grounding.read(text, plan), target), "nothing": nothing}
        elif row["asked"] == "absent":
            row |= {"right": nothing, "found": bool(grounding.read(text, plan))}
        else:
            row |= {"right": text == row["true"], "looks": text in (row["true"], row["look"]), "said": text}
        rows.append(row)
    # Asked apart, and from other random numbers, so that they change no answer above.
    rows += _bare(sitting, scene, np.random.RandomState([unit, BARE]))
    return [{**row, "budget": budget, "tokens": plan.tokens} for row in rows]


def _about(asked: str, element: Element, scene: Scene) -> Row:
    """A row that says what is asked for, without the answer."""
    share = share_of(element, scene.size)
    return {"asked": asked, "kind": element.kind, "relation": element.relation, "true": element.description,
            "look": describe(element.color, element.kind), "share": share}  # fmt: skip


def _bare(sitting: Sitting, scene: Scene, rng: np.random.RandomState) -> list[Row]:
    """What is said of bare desktop, at a point and in a box, where the screen has room for them."""
    point, box = bare.point(scene, sitting.plan, rng), bare.box(scene, sitting.plan, rng)
    asked = {}
    if point is not None:
        asked["bare point"] = questions.what_is_at(point)
    if box is not None:
        asked["bare box"] = questions.what_is_in(box)
    texts = sitting.ask(list(asked.values()))
    return [
        {"asked": name, "true": questions.NOTHING, "right": text == questions.NOTHING, "said": text}
        for name, text in zip(asked, texts, strict=True)
    ]


def _places(engine: Engine, image: Any, targets: Sequence[Target], budget: int) -> tuple[list[tuple[Box, ...]], int]:
    """Boxes in source pixels of each target at a budget, and the tokens spent on the image."""
    sitting = Sitting(engine, image, budget=budget)
    texts = sitting.ask([questions.locate(target.description) for target in targets])
    return [grounding.read(text, sitting.plan) for text in texts], sitting.plan.tokens


def law(engine: Engine, unit: int) -> list[Row]:
    """Targets of all sizes on one 4K screen at every budget, and tiny ones once more by zooming."""
    scene, targets = asking.law_targets(unit)
    frame = media.open_image(scene.image)
    rows = []
    for budget in asking.LAW_BUDGETS:
        found, tokens = _places(engine, frame, targets, budget)
        for target, boxes in zip(targets, found, strict=True):
            rows.append({"asked": "law", "budget": budget, "tokens": tokens, **_score(boxes, target)})
            if budget == ZOOM_BUDGET and bin_of(target.share) == "tiny":
                rows += list(_zoomed(engine, frame, target, boxes))
    return rows


def _zoomed(engine: Engine, frame: media.Frame, target: Target, first: Sequence[Box]) -> Iterator[Row]:
    """The second look, with the budget of the first."""
    for share in ZOOM_SHARES:
        found, _ = second_look(frame, first, share, lambda crop: _places(engine, crop, [target], ZOOM_BUDGET)[0][0])
        yield {"asked": "zoom", "crop": share, **_score(found, target)}


def ambiguity(engine: Engine, unit: int) -> list[Row]:
    """Descriptions that fit two elements (either is right) and clean ones of like size, on one 4K screen."""
    scene, doubled, single = asking.alike(unit)
    rows: list[Row] = []
    if not doubled:
        return rows
    for budget in asking.LAW_BUDGETS[1:]:
        found, tokens = _places(engine, scene.image, [*doubled, *single], budget)
        for number, (target, boxes) in enumerate(zip([*doubled, *single], found, strict=True)):
            which = {"asked": "ambiguity", "ambiguous": number < len(doubled), "target": number}
            rows.append({**which, "budget": budget, "tokens": tokens, **_score(boxes, target)})
    return rows


PARTS = {"range": in_range, "law": law, "ambiguity": ambiguity}
