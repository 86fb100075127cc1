"""Write command-line.md, python.md, json.md and schemas of runs from the code: `python docs/write.py`."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import document_schemas

import mlx_saccade as saccade
from mlx_saccade.cli.__main__ import COMMANDS, GROUPS, Parser, build_parser, spelled, usage_words

HERE = Path(__file__).resolve().parent
MODULES = (
    "families",
    "preprocess.runtimes",
    "preprocess.sizes",
    "media",
    "models",
    "grounding",
    "policies",
    "scenes",
    "integrations.mlx_vlm",
)
# Names that answers, arguments and docstrings of `MODULES` lead to; a module without names has its docstring alone.
ALSO = {
    "engine": ("Candidate", "FrameInfo", "Look"),
    "engine.shared_image": ("SharedImage",),
    "engine.policy": ("Policy",),
    "engine.sampling": ("GenerateOptions", "Sampling"),
    "cache": ("Counts",),
    "media.image": ("LazyImage",),
    "preprocess.limits": (),
    "preprocess.recommend": ("Row",),
}
# Classes that callers make themselves, other than by naming the attributes of a dataclass.
CONSTRUCTED = ("ImageOptions", "Sampling", "Video")
# Types of arguments and results that have no section of their own.
TYPES = {
    "ArrayLike": "what `numpy.asarray` takes",
    "Backend": '"pillow" or "torchvision", as `resize` explains',
    "Budget": "a budget as `plan` takes it, a mapping in a spelling of `mlx_saccade.preprocess.limits`, or None",
    "Color": '"convert": embedded color profiles become sRGB; "ignore": they are ignored, as in transformers',
    "VideoPrompt": '"outer" or "single"',
    "ConventionName": '"auto", "absolute", "thousandths" or "fractions"',
    "Device": '"auto", "cpu" or "gpu", as `patchify` explains',
    "Encoded": "the bytes of a file in memory; internal",
    "FamilySections": "a family's part of reading config.json; internal",
    "Grid, Grids": "(frames, rows, columns) in patches; an iterable of those",
    "KVCache": "the keys and values of one layer; internal",
    "Message": 'a mapping with "role" and "content": [messages](guides/messages.md)',
    "NDArray": "a NumPy array; the text has its shape and dtype",
    "Observer": "a function that is called with (row, token, logits [vocabulary]) before a token is yielded",
    "PassOrder": '"pillow13" or "horizontal", as `resize` explains',
    "PixelFormat": '"rgb", "bgr", "rgba", "bgra", "rgbx", "bgrx" or "grey"',
    "Prompt": "prompts with their images in place, as `Model.prompt` returns them",
    "Receive, Send": "the functions of an ASGI request",
    "Region": "(x, y, width, height) in whole pixels",
    "Sampler": "a function from the logits [vocabulary] of the next token to that token",
    "View": "((x1, y1, x2, y2), description): a crop in whole pixels, and what to locate in it",
}
# Descriptions of names whose docstring a program cannot read.
CONSTANTS = {
    "media.FORMATS": "Names of the file formats that `open_image` reads, in Pillow's spelling.",
    "media.MAX_PIXELS": "Default of `max_pixels`: the largest image that is decoded, in pixels.",
    "media.Source": "The type of an image: a path, data URI, bytes, PIL image, array, `Encoded` or `Frame`.",
    "scenes.COLORS": "The eight colors of controls and icons, in words.",
    "scenes.KINDS": "The kinds of elements, in words.",
}
SECTIONS = ("Args", "Attributes", "Returns", "Raises", "Yields", "Example")

COMMAND_LINE = """# Command line

`docs/write.py` writes this page from the help of the commands. `mlx-saccade COMMAND --help` prints the same.

`mlx-saccade` alone lists the commands, and `--version` prints the version. Every command takes `-h` or `--help`, and
`--json`, which prints one JSON object instead of text, and `--quiet`, which leaves out notes and progress: standard
error then has errors only. [json.md](json.md) describes the JSON of answers and of errors.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | `locate --fail`: not found; `doctor`: something to fix; `bench`: bytes differ; `dashboard`: no file was readable |
| 2 | a mistake in the input, explained in one line on standard error; of several images: one or more failed |
| 130 | Ctrl-C |
"""

JSON = """# JSON of answers and errors

`docs/write.py` writes this page from [schemas/answer-1.json](schemas/answer-1.json), a JSON Schema to validate with.

```sh
mlx-saccade locate shot.png "the Save button" "the dialog" --json     # one object with all answers
mlx-saccade locate shot.png "the Save button" "the dialog" --jsonl    # one answer a line, each as it comes
mlx-saccade locate shot.png "the Save button" --fail --json           # exit code 1 if it is not found
mlx-saccade locate --batch shots "the Save button" --out found.jsonl  # one answer a line for each image of a folder
```

Every object names its form in `schema`. A form may gain fields; a change of a field gives the form a new number. All
places are in pixels of the source image: x to the right, y down, edges and not centers. In Python, `Answer.as_dict()`
gives an answer without `image` and `description`.

| `schema` | printed by | holds |
|---|---|---|
| `mlx-saccade/answers/1` | `locate`, `ask`, `chat` with `--json` | `answers`, one for each description or question |
| `mlx-saccade/answer/1` | `locate`, `ask`, `chat` with `--jsonl` | the fields of one answer |
| `mlx-saccade/error/1` | every command with `--json` or `--jsonl` | `error` |
| `mlx-saccade/sweep-report/1` | `sweep report --json` | a [report](#report) of a run |
| `mlx-saccade/sweep-compare/1` | `sweep compare --json` | a [comparison](#comparison) of two runs |

`chat` prints one object a line, with either option, for each question that it reads. An error is printed on standard
output, so that a program always gets an object there; the line for people is on standard error, and the exit code
stays 2. In `chat` an error of one question is the object for that question.

## Many images

`locate a.png b.png --find "the menu"` looks in several images. `locate --batch` reads more: the images of a folder, or
JSON lines from a file or from standard input (`-`). Folders inside a folder are not read.

```json
{"image": "shots/a.png", "description": "the Save button", "id": "a-1"}
{"image": "shots/b.png", "description": ["the menu", "the close button"], "budget": 512, "policy": "search"}
{"image": "clip.mp4", "at": 12.5, "description": "the menu"}
```

- A line may have `image`, `description`, `id`, and the options of `Engine.locate` by their Python names. `at` names a
  frame of a film, in seconds. An option in a line takes the place of the command line's. Descriptions on the command
  line are for lines without their own. An unknown key is an error.
- Relative paths are relative to the working directory, wherever the file lies.
- One row is printed for each description as it comes, with the `line` and `id` of its line. On standard input a row
  comes as soon as its line was read, so a program can keep `locate --batch -` running and ask it line by line.
- A line or an image that cannot be used gives an `mlx-saccade/error/1` row, and the batch continues. The exit code is
  then 2; else 1 with `--fail` if something was not found; else 0.
- `--out FILE` appends the rows to a file. The same command again asks only what the file lacks, and retries what
  failed. Each row has its `setup`; a file with another checkpoint or other options is refused, as is a second process
  on the same file. A row that was cut short is asked again.
- With `--json` one object at the end holds the `answers`, and `errors` for what failed.
"""

RUNS = """## Runs

Each object is described by a JSON Schema in [schemas](schemas/) too, written from the same dataclasses as the tables
below. Shares and IoU go from 0 to 1; intervals are 95 %, by screens.

| printed by, or file | object | schema |
|---|---|---|
| `sweep run --json` | [run_outcome](#run_outcome) | [sweep-run-1.json](schemas/sweep-run-1.json) |
| `sweep run --dry-run --json` | [forecast](#forecast) | [sweep-forecast-1.json](schemas/sweep-forecast-1.json) |
| `sweep merge --json` | [merge_outcome](#merge_outcome) | [sweep-merge-1.json](schemas/sweep-merge-1.json) |
| `sweep report --json` | [report](#report) | [sweep-report-1.json](schemas/sweep-report-1.json) |
| `sweep compare --json` | [comparison](#comparison) | [sweep-compare-1.json](schemas/sweep-compare-1.json) |
| `run.json` of a run | [header](#header) | [run-1.json](schemas/run-1.json) |
| a line of `rows.jsonl` of a run | [row](#row) | [row-1.json](schemas/row-1.json) |
"""

PYTHON = """# Python

`docs/write.py` writes this page from the docstrings. Names that are not here may change without notice.

- Sizes of images are (width, height), except in `smart_resize`, which keeps the reference's order.
- Boxes are (x1, y1, x2, y2) in source pixels: x right, y down, edges not centers.
- Grids are (frames, rows, columns) in patches.
- A caller's mistake raises `mlx_saccade.InputError`, a `ValueError` of one line.
"""


def command_line() -> str:
    """Return the text of command-line.md."""
    rows = [f"| {title} | {', '.join(f'[{n}](#mlx-saccade-{n})' for n in names)} |" for title, names in GROUPS.items()]
    parts = [COMMAND_LINE, "\n".join(["| to | commands |", "|---|---|", *rows, ""])]
    for name, summary in COMMANDS.items():
        groups = build_parser(name)._subparsers
        assert groups is not None
        parser: Parser = groups._group_actions[0].choices[name]  # type: ignore[index, call-overload]
        module = importlib.import_module(f"mlx_saccade.cli.commands.{name.replace('-', '_')}")
        if not parser.actions:
            parts.append(command_section("##", name, name, summary, parser, module))
        for number, (action, one) in enumerate(parser.actions.items()):
            full, module_of_action = f"{name} {action}", module.ACTIONS[action]
            if number == 0:
                parts.append(command_section("##", name, f"{name} [{action}]", summary, one, module_of_action))
            else:
                parts.append(command_section("###", full, full, module_of_action.SUMMARY, one, module_of_action))
    return "\n".join(parts)


def command_section(
    level: str, title: str, words: str, summary: str, parser: argparse.ArgumentParser, module: ModuleType
) -> str:
    """Return the section of a command or of one of its actions, under a heading of a level."""
    lines = [
        f"{level} mlx-saccade {title}\n\n    mlx-saccade {words} {usage_words(parser)}".rstrip()
        + f"\n\n{summary[0].upper()}{summary[1:]}.\n"
    ]
    if parser.epilog:
        lines.append(f"{textwrap.fill(parser.epilog, 120)}\n")
    lines += ["| argument | meaning |", "|---|---|"]
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction):
            meaning = " ".join((action.help or "").split()) % {**vars(action), "prog": parser.prog}
            shown = spelled(action).replace("|", "\\|")
            lines.append(f"| `{shown}` | {meaning} |")
    lines += ["", "```sh", *module.EXAMPLES, "```", ""]
    return "\n".join(lines)


def items(text: str) -> Iterator[tuple[str, str]]:
    """Yield the `name: meaning` pairs of a section; continuation lines have more indentation."""
    for part in re.split(r"\n(?=\S)", textwrap.dedent(text).strip()):
        name, _, meaning = part.partition(":")
        yield name.strip(), " ".join(meaning.split())


def listed(paragraph: str) -> str:
    """Return a paragraph, as a list if every line is `name: meaning`."""
    lines = paragraph.splitlines()
    return (
        "\n".join(f"- {line}" for line in lines) if all(re.match(r"[a-z_, ]+: ", line) for line in lines) else paragraph
    )


def described(doc: str) -> str:
    """Return a docstring as Markdown."""
    pieces = re.split(rf"^({'|'.join(SECTIONS)}):\n", doc, flags=re.MULTILINE)
    out = [listed(paragraph) for paragraph in pieces[0].strip().split("\n\n")]
    for title, text in zip(pieces[1::2], pieces[2::2], strict=True):
        if title == "Example":
            out.append("```python\n" + textwrap.dedent(text).strip() + "\n```")
        elif title in ("Returns", "Yields"):
            out.append(f"{title}: " + " ".join(text.split()))
        else:
            rows = [f"- `{name}`" + (f": {meaning}" if meaning else "") for name, meaning in items(text)]
            out.append(f"{title}:\n\n" + "\n".join(rows))
    return "\n\n".join(out) + "\n"


def typed(annotation: object) -> str:
    """Return an annotation as it is written, or an empty string."""
    if annotation is inspect.Signature.empty:
        return ""
    said = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return re.sub(r"\b(?:mlx_saccade|numpy)[\w.]*\.(?=[A-Z])", "", said)


def called(name: str, function: Any) -> str:
    """Return the signature of a function as a code block."""
    signature = inspect.signature(function)
    words: list[str] = []
    star = False
    for parameter in signature.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            words.append("*")
        star = star or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        prefix = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        said = typed(parameter.annotation)
        word = prefix + parameter.name + (f": {said}" if said else "")
        if parameter.default is not parameter.empty:
            word += f" = {parameter.default!r}"
        words.append(word)
    end = typed(signature.return_annotation)
    end = f" -> {end}" if end else ""
    line = f"{name}({', '.join(words)}){end}"
    if len(line) > 110:
        line = f"{name}(\n" + "".join(f"    {word},\n" for word in words) + f"){end}"
    return f"```python\n{line}\n```\n"


def members(owner: type) -> Iterator[str]:
    """Yield the public methods and properties of a class that have docstrings."""
    for name, member in vars(owner).items():
        if (name.startswith("_") and name != "__call__") or not inspect.getdoc(member):
            continue
        if isinstance(member, property | functools.cached_property):
            yield f"#### `{owner.__name__}.{name}`\n"
        elif inspect.isfunction(member) or isinstance(member, classmethod | staticmethod):
            yield f"#### `{owner.__name__}.{name}`\n"
            yield called(name if name != "__call__" else owner.__name__.lower(), getattr(owner, name))
        else:
            continue
        yield described(inspect.getdoc(member) or "")


def entry(name: str, value: Any, module: ModuleType) -> Iterator[str]:
    """Yield the section of one name."""
    yield f"### `{module.__name__}.{name}`\n"
    if inspect.isclass(value):
        if name in CONSTRUCTED:
            yield called(name, value)
        yield described(inspect.getdoc(value) or "")
        if name in CONSTRUCTED and "__init__" in vars(value) and not dataclasses.is_dataclass(value):
            yield described(inspect.getdoc(value.__init__) or "")
        yield from members(value)
    elif inspect.isfunction(value):
        yield called(name, value)
        yield described(inspect.getdoc(value) or "")
    else:
        shown = f" `{value!r}`." if isinstance(value, int) else ""
        yield CONSTANTS[f"{module.__name__.partition('.')[2]}.{name}"] + shown + "\n"


def python() -> str:
    """Return the text of python.md."""
    rows = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in TYPES.items())
    parts = [PYTHON, f"## Types\n\n| type | is |\n|---|---|\n{rows}\n", "## mlx_saccade\n"]
    for name in saccade.__all__:
        if name == "__version__":
            parts.append("### `mlx_saccade.__version__`\n\nThe version of the package and its core, a string.\n")
        elif not inspect.ismodule(getattr(saccade, name)):
            parts.extend(entry(name, getattr(saccade, name), saccade))
    for place, names in ALSO.items():
        module = importlib.import_module(f"mlx_saccade.{place}")
        if not names:
            parts.append(f"### `mlx_saccade.{place}`\n\n{described(inspect.getdoc(module) or '')}")
        for name in names:
            parts.extend(entry(name, getattr(module, name), module))
    for place in MODULES:
        module = importlib.import_module(f"mlx_saccade.{place}")
        parts.append(f"## mlx_saccade.{place}\n\n{described(inspect.getdoc(module) or '')}")
        for name in module.__all__:
            if not inspect.ismodule(getattr(module, name)):
                parts.extend(entry(name, getattr(module, name), module))
    return "\n".join(parts)


def json_type(field: dict[str, Any]) -> str:
    """Return the type of a field of the schema in words."""
    if "$ref" in field:
        return f"[{field['$ref'].rpartition('/')[2]}](#{field['$ref'].rpartition('/')[2]})"
    if "oneOf" in field:
        return " or ".join(map(json_type, field["oneOf"]))
    if "enum" in field:
        return ", ".join(f"`{value!r}`".replace("'", '"') for value in field["enum"])
    if "type" not in field:
        return "any"
    kinds = [field["type"]] if isinstance(field["type"], str) else field["type"]
    return " or ".join(f"list of {json_type(field['items'])}" if kind == "array" else kind for kind in kinds)


def json_rows(fields: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield a row for each field of an object of the schema, and for those of objects inside."""
    for name, field in fields.items():
        yield f"| `{prefix}{name}` | {json_type(field)} | {field['description']} |"
        inner = field["items"] if field.get("type") == "array" else field
        yield from json_rows(inner.get("properties", {}), f"{prefix}{name}.")


def json_page() -> str:
    """Return the text of json.md."""
    schema = json.loads((HERE / "schemas" / "answer-1.json").read_text(encoding="utf-8"))
    parts = [JSON]
    for name in ("answer", "box", "candidate", "point", "action", "frame", "look"):
        definition = schema["$defs"][name]
        rows = "\n".join(json_rows(definition["properties"]))
        parts.append(f"## {name}\n\n{definition['description']}\n\n| field | type | meaning |\n|---|---|---|\n{rows}\n")
    error = schema["$defs"]["error_document"]
    fields = {name: field for name, field in error["properties"].items() if name not in ("schema", "error")}
    rows = "\n".join(json_rows({**error["properties"]["error"]["properties"], **fields}))
    parts.append(f"## error\n\n{error['description']}\n\n| field | type | meaning |\n|---|---|---|\n{rows}\n")
    parts.append(RUNS)
    row = document_schemas.row_schema()
    parts.append(
        f"## row\n\n{row['description']}\n\n| field | type | meaning |\n|---|---|---|\n"
        + "\n".join(json_rows(row["properties"])) + "\n"
    )  # fmt: skip
    known: set[str] = set()
    for file in document_schemas.DOCUMENTS:
        for name, definition in document_schemas.schema(file)["$defs"].items():
            if name in known:
                continue
            known.add(name)
            fields = {name: field for name, field in definition["properties"].items() if name != "schema"}
            parts.append(
                f"## {name}\n\n{definition['description']}\n\n| field | type | meaning |\n|---|---|---|\n"
                + "\n".join(json_rows(fields)) + "\n"
            )  # fmt: skip
    return "\n".join(parts)


def json_schemas() -> dict[str, str]:
    """Return the text of each schema that is written from dataclasses, by the name of its file."""
    schemas = {name: document_schemas.schema(name) for name in document_schemas.DOCUMENTS}
    schemas["row-1.json"] = document_schemas.row_schema()
    return {name: json.dumps(one, indent=2) + "\n" for name, one in schemas.items()}


def main() -> int:
    """Write the files."""
    for name, text in json_schemas().items():
        (HERE / "schemas" / name).write_text(text, encoding="utf-8")
    (HERE / "json.md").write_text(json_page(), encoding="utf-8")
    (HERE / "command-line.md").write_text(command_line(), encoding="utf-8")
    (HERE / "python.md").write_text(python(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
