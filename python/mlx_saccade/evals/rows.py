"""The row of a run: one question of a sweep and all of its answer, so that a run can be scored anew."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from mlx_saccade.evals.row_checks import check_row
from mlx_saccade.evals.targets import Edges, Target

if TYPE_CHECKING:
    from mlx_saccade.media import Source

__all__ = ["Budget", "Key", "Reply", "Row", "Runtime"]

Budget = int | str
"""Maximum visual tokens, or words as `mlx_saccade.plan` takes them: "1003520px", "checkpoint", "ollama@0.13.3". With a
server also "server": the image is sent whole."""
Key = tuple[str, str, str]
"""(target, budget, policy) as texts: what tells one question of a run from another."""


@dataclass(frozen=True)
class Reply:
    """What a runtime gave for one question. Places are in pixels of the source image, sizes are (width, height).

    Attributes:
        boxes: all boxes, in the answer's order.
        points: all points (x, y), in the answer's order.
        click: (x, y) to click; None without a place.
        text: the model's own words; of several looks, those that the places are from.
        finish: "stop", "length", or the runtime's own word.
        rejected: places in the text that were not believed, with the reasons.
        image_sent_size: size of the image as the model read it, of the first look; None where the runtime hides it.
        tokens: visual tokens of all looks; None where the runtime hides them.
        prompt_tokens: tokens of all prompts, images included; None where unknown.
        answer_tokens: tokens written in all looks; None where unknown.
        confidence: as `mlx_saccade.engine.Answer.confidence`; None where there is none.
        seconds: by stage, such as "vision", "prefill" and "answer"; of a server "request" alone, or "first
            token" and "answer" where it streams. Their sum is the time of the question.
        looks: each look as `mlx_saccade.engine.Look.as_dict` gives it; empty for one look at the whole image.
        peak_bytes: most memory that the runtime took while it answered; None where unknown.
        error: why there is no answer, in words; None for an answer. It is asked again when the run goes on.
    """

    boxes: tuple[Edges, ...] = ()
    points: tuple[tuple[float, float], ...] = ()
    click: tuple[float, float] | None = None
    text: str = ""
    finish: str = "stop"
    rejected: tuple[str, ...] = ()
    image_sent_size: tuple[int, int] | None = None
    tokens: int | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    confidence: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    looks: tuple[dict[str, Any], ...] = ()
    peak_bytes: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class Row:
    """One question and its answer.

    Attributes:
        target: what was asked for, and where it is.
        image_id: what differs where the pixels of the image do, such as the digest of its file.
        budget: limit on the visual tokens of a look, as it was asked.
        policy: name of the policy with its parameters, such as "flat" or "zoom:share=0.4".
        reply: what came back.
    """

    target: Target
    image_id: str
    budget: Budget
    policy: str
    reply: Reply

    @property
    def key(self) -> Key:
        """The question that was answered."""
        return self.target.id, str(self.budget), self.policy

    def as_dict(self) -> dict[str, Any]:
        """Return the row flat, with plain lists and numbers, as one line of a run holds it."""
        target, reply = asdict(self.target), asdict(self.reply)
        return {
            "target": target.pop("id"), **target, "image_id": self.image_id,
            "budget": self.budget, "policy": self.policy, **reply,
        }  # fmt: skip

    @classmethod
    def of_dict(cls, line: dict[str, Any]) -> Row:
        """Return the row of a line.

        Raises:
            InputError: a value has another type or range; the message names it.
            KeyError, TypeError, ValueError: the line is damaged otherwise.
        """
        values = {name: _tuple(value) for name, value in line.items()}
        values["id"] = values.pop("target")
        target = Target(**{name: values.pop(name) for name in Target.__dataclass_fields__})
        image_id, budget, policy = (values.pop(name) for name in ("image_id", "budget", "policy"))
        row = cls(target, image_id, budget, policy, Reply(**values))
        check_row(row)
        return row


class Runtime(Protocol):
    """What answers the questions of a run: a model in this process, or a server.

    Attributes:
        name: short name for people, with the model's, such as "saccade packaged". It may be published: no path, and
            nothing of an address but its host.
        identity: what the answers depend on, for JSON: the digest of the checkpoint or the server's model name, and
            settings. Runs with equal identities may be extended and merged. What is under "versions" may differ, and is
            noted in the run.
    """

    @property
    def name(self) -> str:
        """Return the short name."""
        ...

    @property
    def identity(self) -> dict[str, Any]:
        """Return what the answers depend on."""
        ...

    def check(self, budget: Budget, policy: str) -> None:
        """Refuse a budget or policy that this runtime cannot take, before a run starts.

        It is called only if something is left to ask, so that the model may be loaded here.

        Raises:
            InputError: with the reason and what it takes.
        """
        ...

    def plan_tokens(self, size: tuple[int, int], budget: Budget) -> int | None:
        """Return the visual tokens of one look at a whole image of `size` (width, height); None where unknown.

        Called after `check`.
        """
        ...

    def ask(self, image: Source, target: Target, budget: Budget, policy: str) -> Reply:
        """Ask for one target; what fails for this question alone comes back as `Reply.error`."""
        ...

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        ...


def _tuple(value: Any) -> Any:
    """Return a value whose lists, as JSON gives them, are tuples again; what is in objects stays."""
    return tuple([_tuple(one) for one in value]) if type(value) is list else value
