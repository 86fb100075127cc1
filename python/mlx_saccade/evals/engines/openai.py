"""Ask a server of OpenAI's chat completions: mlx-vlm's, llama.cpp, vLLM, Ollama, LM Studio or `mlx-saccade serve`.

The image is resized here to its plan, so that a server whose own limits are wider leaves it as it is. The budget
"server" sends it whole, to measure what the server does.
"""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from mlx_saccade.engine import request
from mlx_saccade.errors import InputError, brief
from mlx_saccade.evals.engines import completions, looking, replies
from mlx_saccade.evals.engines.completions import Completion, ServedModel
from mlx_saccade.evals.engines.discovery import find_model
from mlx_saccade.evals.engines.spec import RuntimeSpec
from mlx_saccade.evals.engines.streams import read_stream
from mlx_saccade.evals.engines.transport import Client, Response, ServerError
from mlx_saccade.evals.rows import Budget, Reply
from mlx_saccade.families import Family
from mlx_saccade.preprocess import runtimes
from mlx_saccade.preprocess.patchify import resize
from mlx_saccade.preprocess.plan import Plan, limits, plan

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mlx_saccade.engine import Answer
    from mlx_saccade.evals.targets import Target
    from mlx_saccade.media import Frame, Source

__all__ = ["SERVER_BUDGET", "ServerRuntime", "open_server"]

SERVER_BUDGET = "server"
"""The budget under which an image is sent whole."""

# Tokens that a chat template may add to an image and its question, with its system message.
_TEMPLATE_TOKENS = 100


def open_server(spec: RuntimeSpec, *, sleep: Callable[[float], None] = time.sleep) -> ServerRuntime:
    """Return a server's runtime, after asking it for its models.

    Args:
        spec: of the kind "openai".
        sleep: waits between tries; for tests.

    Raises:
        InputError: as `find_model`, or no such runtime in the survey.
    """
    client, model, family = find_model(spec, sleep)
    if spec.server.runtime is not None:
        runtimes.get(spec.server.runtime, family)
    return ServerRuntime(spec, client, model, family)


@dataclass
class ServerRuntime:
    """A server, asked one question at a time; as `mlx_saccade.evals.rows.Runtime`.

    Attributes:
        spec: how the server is asked.
        client: connection options and address of the server.
        model: the model that answers.
        family: family of that model.
    """

    spec: RuntimeSpec
    client: Client
    model: ServedModel
    family: Family

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._fields = self.spec.server.request_fields()

    @property
    def name(self) -> str:
        """Return "openai:" and the URL."""
        return f"openai:{self.client.url}"

    @property
    def identity(self) -> dict[str, Any]:
        """Return what the answers depend on; not where the server is."""
        fields = {"request_fields": self._fields} if self._fields else {}
        runtime = self.spec.server.runtime
        return {
            "engine": "openai",
            "model": self.model.name,
            "family": self.family.name,
            **self.spec.answer_settings,
            **fields,
            **({} if runtime is None else {"server_runtime": runtime}),
        }

    def check(self, budget: Budget, policy: str) -> None:
        """Refuse a budget or policy that a server cannot take.

        Raises:
            InputError: with the reason and what it takes.
        """
        looking.check_policy(policy, "a server")
        is_size_known = self.spec.server.runtime is not None or self.model.is_ours
        if budget != SERVER_BUDGET:
            area = limits(self.family, budget, None, None)
            if (
                area.most < self.family.min_pixels and not is_size_known
            ):  # a server that reads the checkpoint's limits enlarges every image
                raise InputError(
                    f"budget: expected at least the least of {self.family.name}, {self.family.min_tokens} tokens, as "
                    f"servers enlarge smaller images; got {budget}. Raise it, or pass --server-runtime"
                )
            return
        if is_size_known:
            return
        advice = "Pass --server-runtime, such as llama.cpp or ollama@0.13.3, for the size by the survey"
        if self._convention == "absolute":
            raise InputError(
                f"budget server: {self.family.name} answers in pixels of the image as the server resizes it, which it "
                f"does not say. {advice}"
            )
        if policy != "flat":
            raise InputError(
                f"policy: expected flat for images sent whole, whose size in the server is not known; got "
                f"{brief(policy)}. {advice}"
            )

    @property
    def _convention(self) -> str:
        return self.family.convention if self.spec.convention == "auto" else self.spec.convention

    def plan_tokens(self, size: tuple[int, int], budget: Budget) -> int | None:
        """Return the visual tokens of one look at a whole image of `size` (width, height); None where unknown."""
        if budget != SERVER_BUDGET:
            return plan(size, family=self.family, budget=budget).tokens
        return None if self.spec.server.runtime is None else self._whole_plan(size).tokens

    def ask(self, image: Source, target: Target, budget: Budget, policy: str) -> Reply:
        """Ask for one target; what fails for this question alone comes back as `Reply.error`."""
        with self._lock:
            return looking.ask_with_policy(self._look, image, target.description, budget, policy)

    def close(self) -> None:
        """Do nothing: no connection outlives its question."""

    def _look(self, frame: Frame, description: str, budget: Budget) -> Answer:
        """Return the answer about an image.

        Raises:
            InputError: the budget is impossible for the image, or the server did not answer.
        """
        is_whole = budget == SERVER_BUDGET
        planned = self._whole_plan(frame.source_size) if is_whole else self._plan(frame, budget)
        pixels = frame.pixels if is_whole else resize(frame, planned.resized_size)
        text = request.locate(description)
        response = self.client.send("/chat/completions", self._body(pixels, text))
        if response.status != 200:
            redirect = f"a redirect to {response.location}" if response.location else self.client.reason(response.body)
            raise ServerError(f"{self.client.url}: HTTP {response.status}: {redirect}")
        completion, timings = self._read(response)
        is_size_known = not is_whole or self.spec.server.runtime is not None
        if completion.image_size is not None:
            planned, is_size_known = self._as_read(planned, completion.image_size, is_whole), True
        elif is_size_known and self.spec.server.check_tokens:
            _check_tokens(completion, planned, text)
        return replies.answer_of(
            completion.text, planned, convention=self.spec.convention, finish=completion.finish,
            timings=timings, prompt_tokens=completion.prompt_tokens,
            answer_tokens=completion.answer_tokens, is_size_known=is_size_known,
        )  # fmt: skip

    def _read(self, response: Response) -> tuple[Completion, dict[str, float]]:
        """Return the answer and its seconds by stage."""
        try:
            if response.kind != "text/event-stream":  # a server may not stream, though it was asked to
                return completions.read(response.body), {"request": response.seconds}
            completion, first = read_stream(response)
        except ServerError as error:
            raise ServerError(f"{self.client.url}: {error}") from None
        return completion, {"first token": first, "answer": response.seconds - first}

    def _plan(self, frame: Frame, budget: Budget) -> Plan:
        """Return the plan of an image that is resized here.

        Raises:
            InputError: the server would resize it again, as its survey says.
        """
        planned = plan(frame.source_size, family=self.family, budget=budget)
        if self.spec.server.runtime is not None:
            row = runtimes.row(self.spec.server.runtime, planned.resized_size, self.family)
            if row.resized_size != planned.resized_size:
                raise InputError(
                    "{} would resize {}x{} to {}x{}".format(
                        row.runtime, *planned.resized_size, *(row.resized_size or ())
                    )
                    + "; choose a budget within its limits, or raise them and leave out --server-runtime"
                )
        return planned

    def _whole_plan(self, size: tuple[int, int]) -> Plan:
        """Return a plan with the size that the server's survey says; its size means nothing where there is none."""
        if self.spec.server.runtime is None:
            return plan(size, family=self.family)
        row = runtimes.row(self.spec.server.runtime, size, self.family)
        assert row.resized_size is not None
        return Plan(
            self.family,
            size,
            row.resized_size,
            row.min_pixels or 1,
            row.max_pixels or 1,
            f"{row.runtime} {row.versions}",
        )

    def _as_read(self, planned: Plan, size: tuple[int, int], is_whole: bool) -> Plan:
        """Return the plan with the size at which the server says that it read the image.

        Raises:
            InputError: it is not the size that was sent.
        """
        if is_whole:
            return Plan(self.family, planned.source_size, size, 1, size[0] * size[1], "the server's")
        if size != planned.resized_size:
            raise ServerError(
                "the server resized the image again, from {}x{} to {}x{}".format(*planned.resized_size, *size)
                + "; raise its budget"
            )
        return planned

    def _body(self, pixels: npt.NDArray[np.uint8], text: str) -> dict[str, Any]:
        image = {"type": "image_url", "image_url": {"url": _data_url(pixels)}}
        content = [image, {"type": "text", "text": text}]
        settings: dict[str, Any] = {"max_tokens": self.spec.max_tokens, "temperature": 0}
        if self.spec.server.stream:
            settings |= {"stream": True, "stream_options": {"include_usage": True}}
        return {
            "model": self.model.name, "messages": [{"role": "user", "content": content}], **settings, **self._fields
        }  # fmt: skip


def _data_url(pixels: npt.NDArray[np.uint8]) -> str:
    """Return pixels as a PNG, which loses none, in a data URL."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _check_tokens(completion: Completion, planned: Plan, text: str) -> None:
    """Refuse an answer about an image of another size, as far as the number of tokens of the prompt tells it.

    Raises:
        ServerError: the prompt has fewer tokens than the image, or more than it and its question can have.
    """
    count, most = completion.prompt_tokens, planned.tokens + len(text.encode()) + _TEMPLATE_TOKENS
    if count is None or planned.tokens < count <= most:
        return
    change = "shrank" if count <= planned.tokens else "enlarged"
    raise ServerError(
        f"the server {change} the image: expected a prompt of {planned.tokens + 1} to {most} tokens, {planned.tokens} "
        f"of them the image's ({planned.budget}); got {count}. Change its limits, or pass --no-token-check if it "
        "counts otherwise"
    )
