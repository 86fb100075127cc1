"""The options that several commands share, in groups, and the values that they stand for.

Nothing heavy is imported here: `mlx-saccade --help` and `plan` do not wait for NumPy or MLX.
"""

from __future__ import annotations

import argparse
import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlx_saccade import families, validation
from mlx_saccade.cli import images, output
from mlx_saccade.cli.size_words import image_or_size
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from mlx_saccade.cli.progress import Progress
    from mlx_saccade.engine import Engine
    from mlx_saccade.media import ImageOptions

    Arguments = argparse.ArgumentParser | argparse._ArgumentGroup

__all__ = [
    "add_answer_arguments",
    "add_backend_argument",
    "add_budget_argument",
    "add_cache_arguments",
    "add_checkpoint_arguments",
    "add_family_argument",
    "add_image_arguments",
    "add_image_or_size",
    "add_memory_argument",
    "add_min_tokens_argument",
    "add_model_argument",
    "add_model_arguments",
    "add_out_argument",
    "add_policy_argument",
    "add_policy_arguments",
    "add_revision_argument",
    "add_screen_arguments",
    "add_system_argument",
    "add_url_argument",
    "answer_options",
    "cache_options",
    "image_options",
    "image_or_size_of",
    "images_of",
    "load_engine",
    "note_packaged",
    "parse_budget_words",
    "parse_budgets",
    "parse_policies",
    "policy_options",
]

_MODEL_HELP = "checkpoint folder or hub id (default the packaged one)"
_MAX_BUDGET = 10**12  # far above the tokens of any image
_TINY_NOTE = "the packaged checkpoint knows generated screens only; give --model for a real one"


# Images and sizes.


def add_image_or_size(parser: Arguments, *, default: str | None = None, with_films: bool = False) -> None:
    """Add an image, or a size in its place; with `with_films` also a film."""
    text = f"image file, {'film, ' if with_films else ''}- for standard input, or a size"
    if default is None:
        parser.add_argument("image", metavar="IMAGE|WIDTHxHEIGHT", help=text)
    else:
        help_text = f"{text} (default {default})"
        parser.add_argument("image", nargs="?", default=default, metavar="IMAGE|WIDTHxHEIGHT", help=help_text)


def add_url_argument(parser: Arguments) -> None:
    """Add the option without which no image is fetched from the network."""
    parser.add_argument("--allow-url", action="store_true", help="accept http and https URLs as images (default no)")


def add_image_arguments(parser: Arguments) -> None:
    """Add the options of decoding an image; `image_options` reads them."""
    parser.add_argument(
        "--color",
        choices=("convert", "ignore"),
        default="convert",
        help="convert embedded color profiles to sRGB (default), or ignore them",
    )
    add_url_argument(parser)


def add_backend_argument(parser: Arguments) -> None:
    """Add the library whose pixels the resize reproduces."""
    parser.add_argument(
        "--backend",
        choices=("pillow", "torchvision"),
        default="pillow",
        help="resize bit for bit as Pillow (default) or torchvision",
    )


def add_family_argument(parser: Arguments, *, default: str | None = "qwen2.5-vl") -> None:
    """Add the model family; `default` None tells whether one was given."""
    parser.add_argument(
        "--family", default=default, metavar="NAME", help=f"{', '.join(families.names())} (default qwen2.5-vl)"
    )


def image_or_size_of(options: argparse.Namespace) -> Any:
    """Return the size or image of `options.image`; bytes of standard input, or of a URL fetched once for all uses."""
    image = image_or_size(options.image)
    if isinstance(image, str):
        image = images.source(options, image)
    if options.allow_url and isinstance(image, str):
        from mlx_saccade import media

        return media.encoded(image, allow_url=True)
    return image


def image_options(options: argparse.Namespace) -> ImageOptions:
    """Return the options of `add_image_arguments` as an engine takes them."""
    from mlx_saccade import media
    from mlx_saccade.media import decode

    decode.listen()
    page = 1 if options.page == "all" else _page(options.page)
    chosen = media.ImageOptions(color=options.color, allow_url=options.allow_url, page=page)
    return images.raw_options(options, chosen)


def images_of(options: argparse.Namespace, words: list[str]) -> list[Any]:
    """Return the images that words name, with --page all each page as one.

    Raises:
        InputError, FileNotFoundError: as `images.source` and `mlx_saccade.media.open_pages`.
    """
    opened = images.open_words(options, words)
    if options.page != "all":
        return opened
    from mlx_saccade import media

    chosen = image_options(options)
    return [page for image in opened for page in ([image] if media.is_film(image) else media.open_pages(image, chosen))]


def _page(word: str) -> int:
    if not word.isascii() or not word.isdigit() or len(word) > 9 or not int(word):
        raise InputError(f"--page: expected a whole number of at least 1, or all; got {word}")
    return int(word)


# Visual tokens.


def add_budget_argument(parser: Arguments) -> None:
    """Add the budget of an image."""
    parser.add_argument(
        "--budget",
        metavar="N|Npx|checkpoint|RUNTIME@VERSION",
        help="maximum visual tokens or pixels (default 1280, at most the checkpoint's cap)",
    )


def add_policy_argument(parser: Arguments) -> None:
    """Add the policy of looking."""
    parser.add_argument(
        "--policy",
        metavar="NAME[:KEY=VALUE,...]",
        action=_Policy,
        help="auto (default without --budget), flat, zoom, search:overlap=0.3; 'help' lists all",
    )


def add_policy_arguments(parser: Arguments) -> None:
    """Add the policy of looking, and its limit; `policy_options` reads them."""
    add_policy_argument(parser)
    parser.add_argument("--max-looks", type=int, metavar="N", help="maximum looks of the policy for each description")


def add_policies_argument(parser: Arguments) -> None:
    """Add lists of policies, None if there is none; `parse_policies` reads them."""
    parser.add_argument(
        "--policy",
        action=_Policies,
        metavar="NAMES",
        help="policies, such as flat,zoom:share=0.4 (default flat; 'help' lists all); repeatable",
    )


class _Policy(argparse.Action):
    """The policy's text; "help" prints all policies and ends the command, as --help does."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        if values == "help":
            from mlx_saccade import policies

            print(policies.listing())
            parser.exit()
        self.take(namespace, values)

    def take(self, namespace: argparse.Namespace, text: Any) -> None:
        """Keep the text."""
        setattr(namespace, self.dest, text)


class _Policies(_Policy):
    """The texts of several policies; "help" as `_Policy`."""

    def take(self, namespace: argparse.Namespace, text: Any) -> None:
        """Add a text to those before."""
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or ()), text])


def policy_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `add_policy_arguments` as `Engine.locate` takes them.

    Raises:
        InputError: no such policy, or a bad value.
    """
    if options.policy is None and options.max_looks is None:
        return {}
    from mlx_saccade import policies

    policy = options.policy or policies.DEFAULT
    policies.check(policy, options.max_looks)  # before the checkpoint is loaded
    return {"policy": policy, "max_looks": options.max_looks}


def add_min_tokens_argument(parser: Arguments) -> None:
    """Add the lower limit of an image's tokens."""
    parser.add_argument(
        "--min-tokens",
        type=int,
        metavar="N",
        help="enlarge smaller images to at least N tokens (default the family's least)",
    )


def parse_budgets(text: str) -> tuple[int, ...]:
    """Return the budgets in tokens of a list such as "64,256".

    Raises:
        InputError: the text is not such a list, or has a budget twice or below 1.
    """
    try:
        budgets = tuple(int(word) for word in text.split(","))
    except ValueError:
        raise InputError(f"--budgets: expected whole numbers; got {text}. Write a list such as 64,256,1024") from None
    for budget in budgets:
        validation.at_least(1, budget, "--budgets", most=_MAX_BUDGET)
    if len(set(budgets)) != len(budgets):
        raise InputError(f"--budgets: expected each budget once; got {text}. Leave out the second one")
    return budgets


def parse_budget_words(text: str) -> tuple[int | str, ...]:
    """Return the budgets of a list such as "256,1003520px,checkpoint,ollama@0.13.3", whole numbers as tokens.

    Raises:
        InputError: a number below 1 or too large, a word of another form, or a budget twice. Whether a model takes a
            budget is not checked.
    """
    budgets: list[int | str] = []
    for word in text.split(","):
        if re.fullmatch(r"[+-]?\d+", word, re.ASCII):
            number = int(word) if len(word) <= 20 else _MAX_BUDGET + 1
            budgets.append(validation.at_least(1, number, "--budgets", most=_MAX_BUDGET))
        elif _is_budget_word(word):
            budgets.append(word)
        else:
            raise InputError(
                f"--budgets: expected tokens (1280), pixels (1003520px), checkpoint or a runtime (ollama@0.13.3); got "
                f"{word or 'nothing'} in {text}. `mlx-saccade runtimes 3840x2160` lists runtimes"
            )
    if len(set(budgets)) != len(budgets):
        raise InputError(f"--budgets: expected each budget once; got {text}. Leave out the second one")
    return tuple(budgets)


def _is_budget_word(word: str) -> bool:
    from mlx_saccade.preprocess import runtimes

    name = word.strip().lower().partition("@")[0]
    return name in ("checkpoint", *runtimes.names()) or re.fullmatch(r"[0-9]{1,15}px", word) is not None


def parse_policies(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the policies of lists such as "flat,zoom:share=0.4,max_looks=2,search".

    A word with "=" and without ":" is a parameter of the policy before it.

    Raises:
        InputError: a policy twice, or a list that begins with a parameter.
    """
    policies: list[str] = []
    for text in texts:
        first = len(policies)
        for word in text.split(","):
            if "=" in word and ":" not in word:
                if len(policies) == first:
                    raise InputError(f"--policy: expected a name before {word}; got {text}. Write NAME:{word}")
                policies[-1] += f",{word}"
            else:
                policies.append(word)
    if len(set(policies)) != len(policies):
        raise InputError(f"--policy: expected each policy once; got {', '.join(policies)}. Leave out the second one")
    return tuple(policies)


# Generated screens and files.


def add_screen_arguments(parser: Arguments, *, screens: int, size: str) -> None:
    """Add the options of generated screens; `screens` is the default number, `size` the default size."""
    parser.add_argument("--n", type=int, default=screens, metavar="N", help=f"number of screens (default {screens})")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the first screen (default 0)")
    parser.add_argument("--size", default=size, metavar="WIDTHxHEIGHT", help=f"size of the screens (default {size})")


def add_out_argument(parser: Arguments, content: str, *, default: str) -> None:
    """Add the file to write; `content` is the help on it."""
    parser.add_argument("--out", default=default, metavar="FILE", help=f"{content} (default {default})")


# Checkpoint, memory and cache.


def add_revision_argument(parser: Arguments) -> None:
    """Add the revision of a hub id."""
    parser.add_argument("--revision", metavar="NAME", help="branch, tag or commit of a hub id (default main)")


def add_model_argument(parser: Arguments, text: str = _MODEL_HELP) -> None:
    """Add the checkpoint; `text` is the help on it."""
    parser.add_argument("--model", metavar="PATH|ID", help=text)


def add_checkpoint_arguments(parser: Arguments, text: str = _MODEL_HELP) -> None:
    """Add the checkpoint and its revision; `text` is the help on it."""
    add_model_argument(parser, text)
    add_revision_argument(parser)


def add_memory_argument(parser: Arguments, text: str = "maximum memory, e.g. 8GB") -> None:
    """Add the memory limit; `text` is the help on it."""
    default = "(default GPU's recommended, or 3/4 of free RAM)"
    parser.add_argument("--memory-limit", metavar="SIZE", help=f"{text} {default}")


def add_cache_arguments(parser: Arguments) -> None:
    """Add the options of the cache; `cache_options` reads them."""
    parser.add_argument(
        "--cache-memory",
        metavar="SIZE",
        help="maximum memory for earlier images and prompts, 0 for none (default 512MB)",
    )
    parser.add_argument(
        "--cache-dir", metavar="DIR", help="folder to keep image features in for later runs (default none)"
    )


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that asks a model, the usual ones first; `load_engine` reads them."""
    add_model_argument(parser)
    add_budget_argument(parser)
    parser.add_argument(
        "--verbose", action="store_true", help="print image sizes, cost and ignored config keys on standard error"
    )
    model = parser.add_argument_group("model and memory")
    add_revision_argument(model)
    add_memory_argument(model)
    add_cache_arguments(model)
    group = parser.add_argument_group("images")
    group.add_argument("--fit", action="store_true", help="shrink images until the prompt fits the model's context")
    group.add_argument("--page", default="1", metavar="N|all", help="page of a TIFF or PDF, or all pages (default 1)")
    add_image_arguments(group)
    add_backend_argument(group)
    images.add_raw_arguments(group)


def cache_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `add_cache_arguments` as `mlx_saccade.load` takes them.

    Raises:
        InputError: --cache-memory is not an amount of memory.
    """
    cache: dict[str, Any] = {}
    if options.cache_memory is not None:
        cache["cache_memory"] = validation.parse_bytes(options.cache_memory, "--cache-memory")
    if options.cache_dir is not None:
        cache["cache_dir"] = options.cache_dir
    return cache


def load_engine(options: argparse.Namespace) -> Engine:
    """Load the engine that `add_model_arguments` describes."""
    from mlx_saccade import engine

    cache = cache_options(options)
    if options.model is None and not (options.json or getattr(options, "jsonl", False)):
        note_packaged()
    loaded = engine.load(
        options.model,
        revision=options.revision,
        image_options=image_options(options),
        memory_limit=options.memory_limit,
        backend=options.backend,
        video_prompt=getattr(options, "video_prompt", "outer"),
        **cache,
    )
    if options.verbose:
        config = loaded.model.config
        keys = [f"keys of config.json that this model does not need, as is normal: {', '.join(config.ignored)}"]
        for note in (*(keys if config.ignored else ()), *config.notes):
            output.note(note)
    return loaded


@functools.cache
def note_packaged() -> None:
    """Print what the packaged checkpoint knows, once a process."""
    output.note(_TINY_NOTE)


# Prompts and generation.


def add_system_argument(parser: argparse.ArgumentParser) -> None:
    """Add the system message."""
    parser.add_argument("--system", metavar="TEXT", help="system message (default the chat template's)")


def add_answer_arguments(parser: argparse.ArgumentParser, *, max_tokens: int) -> None:
    """Add the options of generation; `answer_options` reads them.

    Args:
        parser: the command's parser.
        max_tokens: default of --max-tokens.
    """
    group = parser.add_argument_group("generation")
    group.add_argument(
        "--max-tokens",
        type=int,
        default=max_tokens,
        metavar="N",
        help=f"maximum tokens of the answer (default {max_tokens})",
    )
    group.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="randomness of sampling, 0 for greedy decoding (default 0)",
    )
    group.add_argument(
        "--top-p",
        type=float,
        default=1.0,
        metavar="P",
        help="sample from the most likely tokens of total probability P (default 1)",
    )
    group.add_argument("--top-k", type=int, metavar="K", help="sample from the K most likely tokens (default all)")
    group.add_argument(
        "--min-p",
        type=float,
        default=0.0,
        metavar="P",
        help="drop tokens below P times the top probability (default 0)",
    )
    group.add_argument(
        "--repetition-penalty",
        type=float,
        default=1.0,
        metavar="R",
        help="above 1, make repeated tokens less likely (default 1)",
    )
    group.add_argument("--seed", type=int, metavar="N", help="seed of sampling, for the same answer (default random)")
    group.add_argument(
        "--convention",
        choices=("auto", "absolute", "thousandths", "fractions"),
        default="auto",
        help="frame of the model's numbers (default auto: the family's, or fractions)",
    )
    group.add_argument(
        "--stop", action="append", metavar="TEXT", help="end the answer before TEXT; repeatable (default none)"
    )


def answer_options(options: argparse.Namespace, progress: Progress | None = None) -> dict[str, Any]:
    """Return the options of `add_answer_arguments` as an engine takes them.

    Temperature and seed are left out where they were not given: a policy that samples has its own.
    """
    names = (
        "max_tokens", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed", "stop", "convention"
    )  # fmt: skip
    values = {name: getattr(options, name) for name in names}
    for name in ("temperature", "seed"):
        if values[name] is None:
            del values[name]
    return {**values, "progress": progress}
