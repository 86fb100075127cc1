"""The runs in benchmarks/runs: whole, readable, and the tables of the texts are theirs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from mlx_saccade.cli.__main__ import main
from mlx_saccade.evals.advice import advise
from mlx_saccade.evals.budgets import differences
from mlx_saccade.evals.cells import Cell, cells
from mlx_saccade.evals.run_folder import Run, read_run
from mlx_saccade.evals.score_table import score_table

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "benchmarks" / "runs"


def run(name: str) -> Run:
    return read_run(RUNS / name)


def figure(cell: Cell | None) -> str:
    if cell is None or cell.iou is None:
        return ""
    interval = "" if cell.iou_low is None else f" ({cell.iou_low:.2f}-{cell.iou_high:.2f})"
    return f"{cell.iou:.2f}{interval}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return (
        "\n".join("|" + "|".join("---" if one == "---" else f" {one} " for one in line) + "|" for line in lines) + "\n"
    )


def by_budget(run: Run, grouping: str, first: str) -> str:
    """Return groups of targets down, and budgets across."""
    own = cells(score_table(run.rows), grouping)  # type: ignore[arg-type]
    groups, budgets = list(dict.fromkeys(cell.value for cell in own)), sorted({int(cell.budget) for cell in own})
    at = {(cell.value, cell.budget): cell for cell in own}
    rows = [[group, *(figure(at.get((group, budget))) for budget in budgets)] for group in groups]
    return table([first, *(f"{budget:,}" for budget in budgets)], rows)


def by_policy(run: Run) -> str:
    """Return policies down, and the targets' sizes across, with the cost of each policy."""
    everything = cells(score_table(run.rows), "all")
    own = {(cell.policy, cell.value): cell for cell in cells(score_table(run.rows), "regime")}
    sizes = ("large", "medium", "small", "tiny")
    rows = [
        [cell.policy, *(figure(own.get((cell.policy, size))) for size in sizes), f"{cell.hits:.2f}",
         f"{cell.looks:.1f}", f"{cell.tokens:,.0f}", f"{cell.seconds:.2f}"] for cell in everything
    ]  # fmt: skip
    return table(["policy", *sizes, "hits", "looks", "tokens", "seconds, median"], rows)


def ambiguity() -> str:
    """Return the two sets of pairs down, and budgets across, with the loss from 256 to 512 tokens."""
    rows = []
    for name in ("pairs-clean", "pairs-contaminated"):
        own = score_table(run(name).rows)
        at = {cell.budget: cell for cell in cells(own, "all")}
        change = next(
            one for one in differences(own) if (one.regime, one.budget, one.other_budget) == ("all", 256, 512)
        )
        lost = f"{change.iou:+.2f} ({change.iou_low:+.2f} to {change.iou_high:+.2f})"
        share = f"{change.iou / at[256].iou:+.0%}"  # type: ignore[operator]
        rows.append([name, str(at[64].n), *(figure(at[budget]) for budget in (64, 256, 512)), lost, share])
    return table(["run", "targets", "64", "256", "512", "256 to 512, paired", "share"], rows)


NAMES = sorted(path.parent.name for path in RUNS.glob("*/run.json"))


@pytest.mark.parametrize("name", NAMES)
def test_run_is_whole(name: str) -> None:
    one = run(name)
    assert one.missing == 0
    assert one.repeated == 0
    assert not [row for row in one.rows if row.reply.error]
    assert re.search(rf"^\| \[?`?{name}", (RUNS / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_law_has_400_targets_of_four_sizes() -> None:
    targets = {row.target.id: row.target for row in run("scenes-flat").rows}
    assert len(targets) >= 400
    assert {target.regime for target in targets.values()} == {"large", "medium", "small", "tiny"}


def test_tables_of_the_guide_are_those_of_the_run() -> None:
    text = (ROOT / "docs" / "guides" / "scale.md").read_text(encoding="utf-8")
    assert by_budget(run("scenes-flat"), "model_side", "side, model px") in text
    assert by_budget(run("scenes-flat"), "regime", "target") in text


def test_table_of_policies_is_that_of_the_run() -> None:
    assert by_policy(run("scenes-policies")) in (RUNS / "README.md").read_text(encoding="utf-8")


def test_table_of_ambiguity_is_that_of_the_runs() -> None:
    assert ambiguity() in (RUNS / "README.md").read_text(encoding="utf-8")


def test_claims_are_separated_by_the_intervals() -> None:
    """Large targets lose beyond the best budget, and tiny ones gain up to it: no interval touches the other."""
    at = {(cell.value, cell.budget): cell for cell in cells(score_table(run("scenes-flat").rows), "regime")}

    def gains(size: str, below: int, above: int) -> bool:
        low, high = at[size, below].iou_high, at[size, above].iou_low
        return low is not None and high is not None and low < high

    assert gains("large", 512, 256)
    assert gains("large", 1024, 512)
    assert gains("tiny", 64, 256)
    assert not gains("tiny", 256, 512)


def test_advice_from_the_runs() -> None:
    large = advise(run("scenes-flat").rows, (1500, 900), (3840, 2160))
    assert large.chosen.budget in (64, 144, 256)
    tiny = advise(run("scenes-policies").rows, (60, 60), (3840, 2160))
    assert tiny.chosen.policy != "flat"


def test_recorded_advice_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (RUNS / "README.md").read_text(encoding="utf-8")
    script, output = re.findall(r"```sh\n(PROFILE.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)[0]
    profile, command = script.splitlines()
    words = command.replace("$PROFILE", profile.partition("=")[2]).split()[1:]
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    assert main(words) == 0
    # Whether the profile is of "this machine" depends on where the test runs.
    assert capsys.readouterr().out.partition("seconds  ")[0] == output.partition("seconds  ")[0]
