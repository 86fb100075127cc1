"""The pages of docs/ agree with the code."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import io
import re
from pathlib import Path
from types import ModuleType

import pytest

import mlx_saccade as saccade
from mlx_saccade.cli.__main__ import COMMANDS, build_parser
from mlx_saccade.cli.commands import elements, sweep

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_the_swift_example_is_the_one_that_is_compiled() -> None:
    compiled = (ROOT / "swift" / "Tests" / "SaccadeTests" / "ExampleTests.swift").read_text(encoding="utf-8")
    example = re.findall(r"// example\n(.*?)// end of the example", compiled, re.DOTALL)
    assert len(example) == 1
    assert f"```swift\n{example[0]}```" in (DOCS / "swift.md").read_text(encoding="utf-8")


def test_the_swift_names_are_those_of_the_package() -> None:
    page = (DOCS / "swift.md").read_text(encoding="utf-8")
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "swift" / "Sources" / "Saccade").rglob("*.swift")]
    public = {name for text in sources for name in re.findall(r"^public (?:struct|enum|func|var) (\w+)", text, re.M)}
    public |= {name for text in sources for name in re.findall(r"public (?:static (?:let|var|func)|func) (\w+)", text)}
    assert len(public) > 15
    assert public <= set(re.findall(r"\w+", page))


def test_the_swift_tables_are_those_of_python() -> None:
    write = script(ROOT / "swift" / "write.py")
    for name, text in write.files().items():
        assert text == (write.SOURCES / name).read_text(encoding="utf-8"), "run python swift/write.py"


def test_the_swift_tests_compare_with_todays_binding() -> None:
    write = script(ROOT / "tests" / "golden" / "binding.py")
    written = (ROOT / "tests" / "golden" / "binding.json").read_text(encoding="utf-8")
    assert write.table() == written, "run python tests/golden/binding.py"


def test_the_swift_letters_are_those_of_tokenizers() -> None:
    write = script(ROOT / "swift" / "write_letters.py")
    assert write.source() == write.SOURCE.read_text(encoding="utf-8"), "run python swift/write_letters.py"


@pytest.fixture
def write() -> ModuleType:
    return script(DOCS / "write.py")


def script(path: Path) -> ModuleType:
    """Import a script of the repository that is in no package."""
    spec = importlib.util.spec_from_file_location(path.parent.name + "_" + path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "maker"),
    [("command-line.md", "command_line"), ("python.md", "python"), ("json.md", "json_page")],
)
def test_what_is_written_from_the_code_is_up_to_date(write: ModuleType, name: str, maker: str) -> None:
    assert getattr(write, maker)() == (DOCS / name).read_text(encoding="utf-8"), "run python docs/write.py"


def test_every_command_and_option_is_there() -> None:
    """Compare with the printed help, not with the parsers that the script reads."""
    parts = re.split(r"^##+ mlx-saccade ", (DOCS / "command-line.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections = {part.partition("\n")[0]: part for part in parts[1:]}
    assert [name for name in sections if " " not in name] == list(COMMANDS)
    actions = {"sweep": sweep.ACTIONS, "elements": elements.ACTIONS}
    expected = {f"{command} {name}" for command, modules in actions.items() for name in list(modules)[1:]}
    assert {name for name in sections if " " in name} == expected
    for command, section in sections.items():
        parser = build_parser(command.split()[0])
        with pytest.raises(SystemExit), contextlib.redirect_stdout(io.StringIO()) as help_output:
            parser.parse_args([*command.split(), "--help"])
        options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", help_output.getvalue())) - {"--help"}
        assert options, command
        assert options == set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", section)), command


def test_every_public_name_is_there() -> None:
    headings = set(
        re.findall(r"^###? `?(mlx_saccade[\w.]*)", (DOCS / "python.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    modules = {name for name in saccade.__all__ if inspect.ismodule(getattr(saccade, name))}
    assert len(modules) >= 9
    for name in set(saccade.__all__) - modules:
        assert f"mlx_saccade.{name}" in headings
    for name in modules - {"integrations"}:
        module = getattr(saccade, name)
        assert module.__name__ in headings
        public = {one for one in module.__all__ if not inspect.ismodule(getattr(module, one))}
        assert {f"{module.__name__}.{one}" for one in public} <= headings, name


# What docs/python.md names and others define.
ELSEWHERE = {"ValueError", "PIL.Image", "io.BytesIO", "numpy.asarray", "huggingface_hub.snapshot_download"}
ELSEWHERE |= {"mlx_vlm.generate", "mlx_vlm.load", "get_window_index", "preprocessor_config.json", "lm_head"}
ELSEWHERE |= {"with", "vocab_size", "patch_bytes", "detail"}  # a word of Python, and keys of files and of JSON
# Words of annotations that Python defines.
PYTHON_TYPES = {"Any", "Callable", "Container", "False", "Generator", "Iterable", "Iterator", "Literal", "Mapping"}
PYTHON_TYPES |= {"MutableMapping", "None", "PathLike", "Sequence", "True", "Unpack"}


def documented() -> tuple[str, set[str], set[str]]:
    """Return the page, the dotted names of its headings, and names of attributes, parameters and types on it."""
    page = (DOCS / "python.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^#{2,4} `?([\w.]+)", page, re.MULTILINE))
    signatures = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    listed = set(re.findall(r"^- `?(\w+)`?: ", page, re.MULTILINE)) | set(re.findall(r"(\w+): ", signatures))
    types = {name for cell in re.findall(r"^\| `([A-Z][\w, ]+)` \|", page, re.MULTILINE) for name in cell.split(", ")}
    return page, headings, listed | types


def test_no_reference_of_the_python_page_leads_nowhere() -> None:
    page, headings, others = documented()
    ends = {".".join(heading.split(".")[-count:]) for heading in headings for count in range(1, 5)}
    prose = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    named = set(re.findall(r"`([A-Za-z_]\w*(?:\.\w+)*)`", prose))
    assert len(named) > 300
    lost = {name for name in named - ELSEWHERE - ends - others if name.rpartition(".")[2] not in others}
    lost |= {name for name in re.findall(r"mlx_saccade(?:\.\w+)+", prose) if name not in headings}
    assert lost == set()


def test_every_type_of_the_python_page_is_explained() -> None:
    page, headings, others = documented()
    signatures = "\n".join(re.findall(r"```python\n(\w+\(.*?)```", page, re.DOTALL))
    types = set(re.findall(r"\b[A-Z]\w+", re.sub(r"'[^']*'", "", signatures)))
    assert len(types) > 30
    assert types - PYTHON_TYPES - {heading.rpartition(".")[2] for heading in headings} - others == set()


def test_the_c_functions_are_those_of_the_header() -> None:
    header = (ROOT / "cpp" / "include" / "saccade.h").read_text(encoding="utf-8")
    declared = set(re.findall(r"^(?:int32_t |const char\* )(saccade_\w+)\(", header, re.MULTILINE))
    page = (DOCS / "reference.md").read_text(encoding="utf-8").partition("## C\n")[2]
    assert len(declared) > 20
    assert set(re.findall(r"`(saccade_\w+)`", page)) == declared


def test_the_c_program_is_the_one_that_is_compiled() -> None:
    page = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert re.findall(r"```c\n(.*?)```", page, re.DOTALL) == [
        (ROOT / "cpp" / "examples" / "patches.c").read_text(encoding="utf-8")
    ]


def test_the_environment_variables_are_those_that_are_read() -> None:
    sources = [*(ROOT / "cpp" / "src").rglob("*.cpp"), *(ROOT / "python" / "mlx_saccade").rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    read = set(re.findall(r'(?:getenv\(|environ\.get\(|environ\[)"([A-Z_]+)"', text))
    page = (DOCS / "reference.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE))
    assert {"SACCADE_KERNEL", "SACCADE_THREADS", "SACCADE_OPENBLAS"} <= read
    assert read <= listed
    assert all(f'"{name}"' in text for name in listed)
