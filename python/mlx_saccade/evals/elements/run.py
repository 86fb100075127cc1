"""Run the three stages over images, and write each step to a run log, from which a stopped run resumes.

A step is one crop, or up to eight regions, of one image. It depends on earlier steps alone, so that a resumed run gives
the same set as one that was never stopped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from mlx_saccade.evals import runs
from mlx_saccade.evals.elements.localize import localize
from mlx_saccade.evals.elements.propose import crops_of, merge, propose
from mlx_saccade.evals.elements.regions import Located, Proposal, Settings
from mlx_saccade.evals.elements.screen import Match, Verdict, match, screen, without_duplicates

if TYPE_CHECKING:
    from mlx_saccade.evals.elements.asking import Asker
    from mlx_saccade.media import Frame

__all__ = ["LOG", "STAGES", "ImageSteps", "Stage", "Step", "make_elements", "open_log"]

Stage = Literal["propose", "localize", "screen"]
STAGES: Final[tuple[Stage, ...]] = ("propose", "localize", "screen")
LOG: Final = "elements.jsonl"
_CHUNK: Final = 8  # regions of one step; their looks run together


@dataclass(frozen=True)
class Step:
    """A step of a run.

    Attributes:
        stage: "propose", "localize", "match" or "screen"; "size" is the image's.
        image: name of the image's file in the set.
        digest: SHA-256 of that file.
        number: of the step among those of its stage and image.
        results: of the step, as JSON.
    """

    stage: str
    image: str
    digest: str
    number: int
    results: list[Any]


def _step(line: Any) -> Step:
    step = Step(**line)
    if not isinstance(step.results, list) or not isinstance(step.number, int):
        raise TypeError
    return step


_COMMAND = "mlx-saccade elements run"
_KIND = runs.RunKind(_COMMAND, 1, f"a step of `{_COMMAND}`", _step, setup=True)


def open_log(folder: str | os.PathLike[str], settings: Settings, model: str) -> runs.RunLog[Step]:
    """Open the run log of a set, new or to be resumed.

    Args:
        folder: of the set.
        settings: on which the set depends.
        model: `mlx_saccade.checkpoint.hub.digest` of the checkpoint.

    Raises:
        InputError: as `mlx_saccade.evals.runs.RunLog`.
    """
    setup = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(settings).items()}
    return runs.RunLog(Path(folder) / LOG, _KIND, model, setup)


class ImageSteps:
    """The steps of one image: those of an earlier run, and new ones."""

    def __init__(
        self,
        image: str = "",
        digest: str = "",
        earlier: Iterable[Step] = (),
        add: Callable[[Step], object] = lambda step: None,
    ) -> None:
        """Take the steps of a run.

        Args:
            image: name of the image's file in the set.
            digest: SHA-256 of that file.
            earlier: steps of any image.
            add: writes a new step; default nowhere.
        """
        self._image, self._digest, self._add = image, digest, add
        own = (step for step in earlier if (step.image, step.digest) == (image, digest))
        self._done = {(step.stage, step.number): step.results for step in own}

    def __call__(self, stage: str, number: int, work: Callable[[], Iterable[Any]]) -> list[Any]:
        """Return the results of a step as JSON; do the work and write them if no earlier run did."""
        if (stage, number) not in self._done:
            results = [asdict(one) if hasattr(one, "__dataclass_fields__") else one for one in work()]
            results = json.loads(json.dumps(results))
            self._add(Step(stage, self._image, self._digest, number, results))
            self._done[stage, number] = results
        return self._done[stage, number]


def make_elements(
    asker: Asker,
    open_frame: Callable[[], Frame],
    steps: ImageSteps,
    settings: Settings,
    *,
    until: Stage = "screen",
    advance: Callable[[str, int, int], object] = lambda stage, done, total: None,
) -> tuple[tuple[int, int], list[Verdict]] | None:
    """Run the stages on one image.

    Args:
        asker: asks the model.
        open_frame: opens the image; called only if a step is missing.
        steps: of the image.
        settings: of the set.
        until: the last stage to run; default all.
        advance: called with the stage, and the steps of it that are done and that there are.

    Returns:
        (width, height) of the image and a verdict on each region; None if `until` ends before the last stage.
    """
    frames: list[Frame] = []

    def frame() -> Frame:
        if not frames:
            frames.append(open_frame())
        return frames[0]

    def run(stage: str, works: Sequence[Callable[[], Iterable[Any]]]) -> list[Any]:
        lines: list[Any] = []
        for number, work in enumerate(works):
            advance(stage, number, len(works))
            lines += steps(stage, number, work)
        return lines

    width, height = steps("size", 0, lambda: frame().source_size)
    size = int(width), int(height)
    crops = crops_of(size, settings)
    proposals = run("propose", [lambda crop=crop: propose(asker, frame(), crop, settings) for crop in crops])  # type: ignore[misc]
    if until == "propose":
        return None
    regions = merge([Proposal.of_dict(line) for line in proposals])
    located = run("localize", [lambda some=some: localize(asker, frame(), some) for some in _chunks(regions)])  # type: ignore[misc]
    if until == "localize":
        return None
    unique, out = without_duplicates([Located.of_dict(line) for line in located])
    words = list(dict.fromkeys(one.description for one in unique))
    lines = run("match", [lambda crop=crop: match(asker, frame(), crop, words) for crop in crops])  # type: ignore[misc]
    matches = [Match.of_dict(line) for line in lines]
    screened = run(
        "screen",
        [lambda some=some: screen(asker, frame(), some, unique, matches, settings) for some in _chunks(unique)],  # type: ignore[misc]
    )
    return size, [*(Verdict.of_dict(line) for line in screened), *out]


def _chunks(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
