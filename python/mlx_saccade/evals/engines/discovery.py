"""Find the address, the model and the family behind the URL of a server."""

from __future__ import annotations

import os
import re
import time
import urllib.parse
from collections.abc import Callable

from mlx_saccade import families
from mlx_saccade.errors import InputError, brief
from mlx_saccade.evals.engines import completions
from mlx_saccade.evals.engines.completions import ServedModel
from mlx_saccade.evals.engines.spec import RuntimeSpec
from mlx_saccade.evals.engines.transport import Client, ServerError
from mlx_saccade.families import Family

__all__ = ["family_of", "find_model"]

_LIST_SECONDS = 60.0
# Names of models, without the signs between their words.
_FAMILIES = (
    ("qwen3vl", "qwen3-vl"), ("qwen35", "qwen3-vl"), ("qwen25vl", "qwen2.5-vl"), ("qwen2vl", "qwen2-vl"),
    ("gemma4", "gemma-4"),
)  # fmt: skip


def find_model(spec: RuntimeSpec, sleep: Callable[[float], None] = time.sleep) -> tuple[Client, ServedModel, Family]:
    """Return a client of the server of a spec, and its model with the family, after asking it for its models.

    Args:
        spec: of the kind "openai".
        sleep: waits between tries; for tests.

    Raises:
        InputError: the URL, the family or the model is not usable, or the server cannot be reached.
    """
    assert spec.url is not None
    options = spec.server
    url = spec.url.strip().rstrip("/").removesuffix("/chat/completions")
    key = os.environ.get(options.key_variable) or None
    client = Client(url, timeout=options.timeout, retries=options.retries, key=key, sleep=sleep)
    client, models = _find_models(client, spec)
    model = _choose_model(models, spec.model, client.url)
    return client, model, family_of(model.name) if spec.family is None else families.get(spec.family)


def family_of(model: str) -> Family:
    """Return the family of a model by its name.

    Raises:
        InputError: the name has no known family in it.
    """
    plain = re.sub(r"[^a-z0-9]", "", model.lower())
    for part, family in _FAMILIES:
        if part in plain:
            return families.get(family)
    raise InputError(
        f"family: expected a model name with its family; got {brief(model)}. Pass --family, one of "
        f"{', '.join(families.names())}"
    )


def _find_models(client: Client, spec: RuntimeSpec) -> tuple[Client, tuple[ServedModel, ...]]:
    """Return the client whose address has a list of models: the given one, or that with /v1; and the list."""
    path = urllib.parse.urlsplit(client.url).path
    clients = [client.at(f"{client.url}/v1"), client]
    if path:
        clients = [client] if path.endswith("/v1") else clients[::-1]
    status, reason = 0, ""
    for one in clients:
        response = one.send("/models", timeout=min(_LIST_SECONDS, spec.server.timeout))
        if 300 <= response.status < 400:
            raise ServerError(f"{one.url}: expected an answer; got a redirect. Give its target: {response.location}")
        if response.status == 200:
            try:
                return one, completions.read_models(response.body)
            except ServerError as error:
                status, reason = 200, str(error)
                continue
        status, reason = response.status, one.reason(response.body)
        if status in (401, 403):
            raise ServerError(
                f"{one.url}: HTTP {status}: {reason}. Put the API key into the environment variable "
                f"{spec.server.key_variable}"
            )
    if spec.model is not None and status in (404, 405, 501):
        return clients[0], ()
    raise ServerError(
        f"{client.url}: expected a list of models at /v1/models; got HTTP {status}: {reason}. Check the URL"
    )


def _choose_model(models: tuple[ServedModel, ...], name: str | None, url: str) -> ServedModel:
    if name is not None:
        known = [one for one in models if one.name == name]
        return known[0] if known else ServedModel(name, is_ours=False)
    if len(models) != 1:
        names = ", ".join(one.name for one in models[:8]) or "none"
        raise InputError(f"{url}: expected one model; got {names}. Name one with --model")
    return models[0]
