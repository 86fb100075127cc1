"""The text of an answer for people: its places, what was rejected, and its cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlx_saccade.cli import output
from mlx_saccade.errors import quantity

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer

__all__ = ["places_of", "print_cost", "print_image_notes", "print_places", "print_rejected", "screen_text"]


def print_rejected(answer: Answer) -> None:
    """Print each rejected part of an answer on standard error, in one line."""
    for one in answer.rejected:
        numbers = ", ".join(f"{number:g}" for number in one.numbers)
        output.note(f"rejected {numbers}: {one.reason}. See --convention")


def places_of(answer: Answer) -> list[tuple[list[float], str]]:
    """Return the boxes, points and actions of an answer as numbers in source pixels, each with its label or name."""
    places = [(list(box), box.label) for box in answer.boxes] + [(list(point), point.label) for point in answer.points]
    for action in answer.actions:
        places += [(list(box), action.name) for box in action.boxes]
        if action.points:
            places.append(([value for point in action.points for value in point], action.name))
    return places


def print_places(answer: Answer) -> None:
    """Print the places of an answer in source pixels, and what was rejected, on standard error."""
    for numbers, label in places_of(answer):
        text = ", ".join(f"{value:.0f}" for value in numbers)
        output.note(f"in source pixels: {text}" + (f" ({' '.join(label.split())})" if label else ""))
    for span in answer.times:
        part = f"{span.start:.1f} s" if span.start == span.end else f"{span.start:.1f} s to {span.end:.1f} s"
        output.note(f"in seconds of the film: {part}" + (f" ({' '.join(span.label.split())})" if span.label else ""))
    if answer.screen.changes and answer.screen_click is not None:
        output.note("to click on the screen: " + screen_text(answer.screen_click))
    print_rejected(answer)


def screen_text(xy: Sequence[float]) -> str:
    """Return a place in the screen's units, to a tenth, which is less than a pixel at any scale in use."""
    return ", ".join(f"{value:.1f}".removesuffix(".0") for value in xy)


def print_image_notes(answer: Answer) -> None:
    """Print what of the images was set aside, such as other pages, on standard error."""
    for line in dict.fromkeys(note for frame in answer.frames for note in frame.notes):
        output.note(line)


def print_cost(answer: Answer) -> None:
    """Print the images' sizes, the tokens and the seconds of an answer on standard error."""
    lines = []
    for number, frame in enumerate(answer.frames, 1):
        (width, height), (resized_w, resized_h) = frame.source_size, frame.processed_size
        times = "" if frame.grid_thw[0] == 1 else f", {frame.grid_thw[0]} times"
        size = f"{width} x {height} as {resized_w} x {resized_h}{times}"
        kind = "image" if frame.fps is None else "film"
        lines.append((f"{kind} {number}", f"{size}: {quantity(frame.tokens, 'token')}"))
        lines.append(("budget", frame.budget))
        if frame.tokens < frame.tokens_without_fit:
            lines.append(("reduced", f"from {quantity(frame.tokens_without_fit, 'token')}, to fit the model's context"))
    usage = answer.usage
    for number, look in enumerate(answer.looks, 1):
        part = "{}, {}, {}, {}".format(*look.crop)
        lines.append(
            (f"look {number}", f"{part}: {quantity(look.tokens, 'token')}, {look.seconds:.2f} s; {look.verdict}")
        )
    lines.append(("tokens", f"{usage['prompt']} in the prompt, {usage['answer']} in the answer; {answer.finish}"))
    if answer.confidence is not None:
        lines.append(("confidence", f"{answer.confidence:.2f}"))
    lines.append(("seconds", ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in answer.timings.items())))
    output.facts(lines, stderr=True)
