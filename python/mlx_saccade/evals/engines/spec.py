"""Say which runtime answers the questions of a run, in plain values that other processes can be sent."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from mlx_saccade import families, validation
from mlx_saccade.errors import InputError, brief
from mlx_saccade.grounding.frames import ConventionName, check_convention

__all__ = ["KINDS", "MAX_TOKENS", "Kind", "RuntimeSpec", "ServerOptions"]

Kind = Literal["saccade", "mlx-vlm", "mlx-vlm+saccade", "openai"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The kinds of runtimes; `RuntimeSpec.parse` takes "openai:URL" for a server."""

MAX_TOKENS = 256
"""Default of the longest answer in tokens, as `Engine.locate`."""

_LONGEST = 86_400.0


@dataclass(frozen=True)
class ServerOptions:
    """How a server is asked.

    Attributes:
        runtime: its name in the survey of runtimes, with a version, such as "llama.cpp" or "ollama@0.13.3". It says the
            size that the server gives an image sent whole. An image resized here that the server would resize again is
            then not sent. None (default): not known.
        timeout: longest time of one request in seconds, from the connection to the end of the answer; default 300.
        retries: further tries after no connection, a cut one, 408, 429 and 5xx; default 2.
        key_variable: environment variable with the API key, which may be unset; default "OPENAI_API_KEY".
        fields: further fields of each request, as a JSON object; default "{}".
        check_tokens: refuse answers whose prompt has fewer tokens than the image, or far more; default True.
        stream: let the server send its answer token by token, to time the first one; default False.
    """

    runtime: str | None = None
    timeout: float = 300.0
    retries: int = 2
    key_variable: str = "OPENAI_API_KEY"
    fields: str = "{}"
    check_tokens: bool = True
    stream: bool = False

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: one of them is not usable.
        """
        if not isinstance(self.timeout, int | float) or not 0 < self.timeout <= _LONGEST:
            raise InputError(
                f"timeout: expected seconds, above 0 and at most {_LONGEST:.0f}; got {brief(self.timeout)}"
            )
        validation.at_least(0, self.retries, "retries", most=100)
        self.request_fields()

    def request_fields(self) -> dict[str, Any]:
        """Return `fields` as a dictionary.

        Raises:
            InputError: no JSON object, or a field that each question has of its own.
        """
        try:
            fields = json.loads(self.fields)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            raise InputError(f"request fields: expected a JSON object; got {brief(self.fields)}")
        own = [name for name in ("messages", "model", "stream") if name in fields]
        if own:
            raise InputError(f"request fields: expected none of messages, model and stream; got {own[0]}. Leave it out")
        return fields


@dataclass(frozen=True)
class RuntimeSpec:
    """A runtime to open, which pickles.

    Attributes:
        kind: "saccade", this package's engine; "mlx-vlm", mlx-vlm alone; "mlx-vlm+saccade", mlx-vlm with this package
            enabled; "openai", a server of OpenAI's chat completions.
        model: folder or hub id of a checkpoint, None (default) for the packaged one; of a server its name for the
            model, None for the only one it has.
        revision: branch, tag or commit of a hub id; None (default): its main branch.
        url: of a server, with or without /v1.
        family: of a server's model; None (default): by the model's name.
        convention: of the numbers in answers, as `mlx_saccade.grounding.read`; default "auto".
        max_tokens: longest answer in tokens; default 256.
        memory_limit: of the engine of this package, as `mlx_saccade.load`; None (default): its default.
        server: how a server is asked.
    """

    kind: Kind = "saccade"
    model: str | None = None
    revision: str | None = None
    url: str | None = None
    family: str | None = None
    convention: ConventionName = "auto"
    max_tokens: int = MAX_TOKENS
    memory_limit: str | None = None
    server: ServerOptions = field(default_factory=ServerOptions)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: an unknown kind, family or convention, or values that do not belong together.
        """
        if self.kind not in KINDS:
            raise InputError(f"engine: expected one of {_words()}; got {brief(self.kind)}")
        if (self.url is None) == (self.kind == "openai"):
            raise InputError(
                f"engine: expected a URL for a server and none for other engines; got {self.kind} with "
                f"{'none' if self.url is None else brief(self.url)}. Write openai:http://127.0.0.1:8080"
            )
        if self.family is not None:
            families.get(self.family)
            if self.kind != "openai":
                raise InputError(f"family: expected none for {self.kind}, whose checkpoint says it. Leave it out")
        if self.kind == "openai" and self.revision is not None:
            raise InputError("revision: expected none for a server, which loads the model itself. Leave it out")
        if self.kind != "openai" and self.server != ServerOptions():
            raise InputError(
                f"engine: expected no options of a server for {self.kind}; got {self.server}. Leave them out"
            )
        if self.kind != "saccade" and self.memory_limit is not None:
            raise InputError(f"memory_limit: expected none for {self.kind}, which does not keep it. Leave it out")
        check_convention(self.convention)
        validation.at_least(1, self.max_tokens, "max_tokens")

    @property
    def is_packaged(self) -> bool:
        """True for the packaged checkpoint."""
        return self.model is None and self.kind != "openai"

    @property
    def answer_settings(self) -> dict[str, Any]:
        """Return the settings of answers that are not the defaults, for the identity of a runtime."""
        convention = {} if self.convention == "auto" else {"convention": self.convention}
        return convention | ({} if self.max_tokens == MAX_TOKENS else {"max_tokens": self.max_tokens})

    @classmethod
    def parse(cls, word: str, **values: Any) -> RuntimeSpec:
        """Return the spec of a word such as "saccade" or "openai:http://127.0.0.1:8080/v1".

        Args:
            word: one of `KINDS`, "openai" followed by ":" and a URL.
            values: other attributes.

        Raises:
            InputError: an unknown word, or as the class.
        """
        kind, colon, url = word.partition(":")
        if kind not in KINDS or bool(colon) != (kind == "openai") or (colon and not url):
            raise InputError(f"engine: expected one of {_words()}; got {brief(word)}")
        return cls(kind=kind, url=url or None, **values)


def _words() -> str:
    return ", ".join("openai:URL" if kind == "openai" else kind for kind in KINDS)
