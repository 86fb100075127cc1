"""Audit the stages on generated screens, where it is known which elements a description matches.

A region is contaminated if its description matches two or more elements of the screen, good if it matches one and the
box is on that, and wrong otherwise.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Final

from mlx_saccade.evals import runs
from mlx_saccade.evals.bootstrap import interval
from mlx_saccade.evals.elements.asking import EngineAsker, check_proposer
from mlx_saccade.evals.elements.regions import SAME, Settings
from mlx_saccade.evals.elements.run import ImageSteps, make_elements
from mlx_saccade.evals.metrics import iou
from mlx_saccade.evals.packaged_range import in_range, plan_of
from mlx_saccade.evals.processes import start

if TYPE_CHECKING:
    from mlx_saccade.evals.elements.asking import Asker
    from mlx_saccade.evals.elements.screen import Verdict
    from mlx_saccade.scenes import Element, Scene

__all__ = [
    "AUDIT_SIZE",
    "FIRST_SEED",
    "MOST_SCREENS",
    "Judged",
    "ScreenAudit",
    "audit_screen",
    "audit_screens",
    "judge",
    "open_audit",
    "summarize",
]

AUDIT_SIZE: Final = (1280, 720)
# Apart from training's seeds and from those of `tiny evaluate`; every second screen has many elements that look alike.
FIRST_SEED: Final = 800_000
MOST_SCREENS: Final = 100_000
# Least sides in pixels by which contaminated descriptions are counted: the model sees them well, badly, and hardly.
SIDES: Final = {"from_28_px": (28, 8192), "16_to_28_px": (16, 28), "below_16_px": (0, 16)}


@dataclass(frozen=True)
class Judged:
    """A region with its truth.

    Attributes:
        truth: "contaminated", "good" or "wrong".
        verdict: of the screening.
        iou: of its box with the best element that the description matches; 0 without one.
        side: least side in pixels of all elements that the description matches; 0 without one.
        description: the model's words.
    """

    truth: str
    verdict: str
    iou: float
    side: int
    description: str


@dataclass(frozen=True)
class ScreenAudit:
    """The regions of one screen.

    Attributes:
        seed: of the screen.
        visible: elements of at least 28 model pixels both ways in the whole image, twins among them.
        in_set: those on which a box of the set is.
        regions: each with its truth, as `Judged`.
    """

    seed: int
    visible: int
    in_set: int
    regions: list[dict[str, Any]]


def judge(scene: Scene, verdicts: Sequence[Verdict]) -> list[Judged]:
    """Return the truth of each region that has a box, repetitions left out."""
    judged = []
    for one in verdicts:
        if one.region.box is None or one.verdict == "duplicate":
            continue
        matching = scene.matching(one.region.description)
        best = max((iou(one.region.box, element.box) for element in matching), default=0.0)
        truth = "contaminated" if len(matching) > 1 else "good" if matching and best >= SAME else "wrong"
        side = min((_side(element) for element in matching), default=0)
        judged.append(Judged(truth, one.verdict, round(best, 4), side, one.region.description))
    return judged


def _side(element: Element) -> int:
    x1, y1, x2, y2 = element.box
    return min(x2 - x1, y2 - y1)


def audit_screen(asker: Asker, seed: int, settings: Settings) -> ScreenAudit:
    """Run the stages on one generated screen, and judge its regions."""
    from mlx_saccade import media, scenes

    scene = scenes.generate(seed, AUDIT_SIZE, ambiguous=bool(seed % 2))
    result = make_elements(asker, lambda: media.open_image(scene.image), ImageSteps(), settings)
    assert result is not None
    judged = judge(scene, result[1])
    plan = plan_of(AUDIT_SIZE)
    visible = [element for element in scene.elements if in_range(element.box, plan)]
    accepted = [one.region for one in result[1] if one.verdict == "accepted"]
    in_set = [e for e in visible if any(one.box is not None and iou(one.box, e.box) >= SAME for one in accepted)]
    return ScreenAudit(seed, len(visible), len(in_set), [asdict(one) for one in judged])


def _screen_audit(line: Any) -> ScreenAudit:
    return ScreenAudit(**line)


_COMMAND = "mlx-saccade elements audit"
_KIND = runs.RunKind(_COMMAND, 1, f"a screen of `{_COMMAND}`", _screen_audit, setup=True)


def open_audit(path: str, settings: Settings, model: str) -> runs.RunLog[ScreenAudit]:
    """Open the run log of an audit, new or to be resumed; errors as `mlx_saccade.evals.runs.RunLog`."""
    setup = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(settings).items()}
    return runs.RunLog(path, _KIND, model, setup)


def _work(
    model: str | None, options: dict[str, Any], settings: Settings, seeds: Sequence[int], parent: Connection
) -> None:
    """Audit screens in another process, and send each; it ends between two screens if the pipe is closed."""
    from mlx_saccade import engine

    with contextlib.suppress(BrokenPipeError):
        try:
            loaded = engine.load(model, **options)
            asker = EngineAsker(loaded, check_proposer(settings.proposer, loaded.folder))
            for seed in seeds:
                parent.send(audit_screen(asker, seed, settings))
        except Exception as error:
            parent.send(error)


def audit_screens(
    model: str | None, options: dict[str, Any], settings: Settings, seeds: Sequence[int], processes: int
) -> Iterator[ScreenAudit]:
    """Yield the audit of each screen as it is done, in `processes` processes with an engine each.

    Args:
        model: path or hub id of the checkpoint; None is the packaged one.
        options: of `mlx_saccade.load`.
        settings: of the set.
        seeds: of the screens.
        processes: at least 1.
    """
    started = [start(_work, model, options, settings, seeds[place::processes]) for place in range(processes)]
    ends: list[Any] = [end for _, end in started]
    try:
        while ends:
            for end in list[Any](wait(ends)):
                try:
                    message = end.recv()
                except EOFError:
                    ends.remove(end)
                    continue
                if isinstance(message, Exception):
                    raise message
                yield message
    finally:
        for _, end in started:
            end.close()
        for process, _ in started:
            process.join()


def summarize(audits: Sequence[ScreenAudit]) -> dict[str, Any]:
    """Return the figures of an audit, each with its number, screens and 95 % interval by screens."""
    regions = [(audit.seed, Judged(**one)) for audit in audits for one in audit.regions]

    def share(rows: Sequence[tuple[int, float]]) -> dict[str, Any]:
        numbers = [number for _, number in rows]
        mean = round(sum(numbers) / len(numbers), 4) if rows else None
        screens = len({seed for seed, _ in rows})
        return {"n": len(rows), "screens": screens, "value": mean, "interval": interval([rows]) if rows else None}

    def out(truth: str, *verdicts: str) -> dict[str, Any]:
        return share(
            [
                (seed, float(one.verdict in verdicts if verdicts else one.verdict != "accepted"))
                for seed, one in regions
                if one.truth == truth
            ]
        )

    by_side = {
        f"contaminated_caught_{words}": share(
            [
                (seed, float(one.verdict != "accepted"))
                for seed, one in regions
                if one.truth == "contaminated" and low <= one.side < high
            ]
        )
        for words, (low, high) in SIDES.items()
    }
    survivors = [(seed, one) for seed, one in regions if one.verdict == "accepted"]
    return {
        "screens": len(audits),
        "contaminated_caught": out("contaminated"),
        "contaminated_called_ambiguous": out("contaminated", "ambiguous"),
        **by_side,
        "good_lost": out("good"),
        "good_called_ambiguous": out("good", "ambiguous"),
        "good_called_unverified": out("good", "unverified"),
        "wrong_caught": out("wrong"),
        "contaminated_before": share([(seed, float(one.truth == "contaminated")) for seed, one in regions]),
        "contaminated_after": share([(seed, float(one.truth == "contaminated")) for seed, one in survivors]),
        "survivors_iou": share([(seed, one.iou) for seed, one in survivors]),
        "visible_in_set": share([(audit.seed, audit.in_set / audit.visible) for audit in audits if audit.visible]),
    }
