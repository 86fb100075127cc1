"""`mlx-saccade sweep run`: ask what a run lacks, and print the table of all its answers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mlx_saccade.cli import output, progress
from mlx_saccade.cli.options import (
    add_memory_argument,
    add_model_argument,
    add_policies_argument,
    add_revision_argument,
    parse_budget_words,
    parse_policies,
)
from mlx_saccade.cli.sweeps.cells_text import print_accuracy, print_seconds
from mlx_saccade.cli.sweeps.data_options import add_data_arguments, open_data
from mlx_saccade.cli.sweeps.dry_run import print_forecast
from mlx_saccade.cli.sweeps.engine_options import (
    add_answer_arguments,
    add_engine_argument,
    runtime_spec,
    with_server_budget,
)
from mlx_saccade.cli.sweeps.worker_options import add_worker_arguments, client_of, is_shared_out, opener_of
from mlx_saccade.errors import quantity

if TYPE_CHECKING:
    from mlx_saccade.evals import DataSet, Run, Runtime
    from mlx_saccade.evals.engines import RuntimeSpec
    from mlx_saccade.evals.sweep import Question

__all__ = ["EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY = "Measure accuracy and latency by budget and policy"
EXAMPLES = (
    "mlx-saccade sweep --n 8 --budgets 64,256",
    "mlx-saccade sweep run --n 8 --budgets 64,256 --policy flat,zoom",
    "mlx-saccade sweep --data screens --budgets 64,256 --n 8 --out screens-run",
    "mlx-saccade sweep --model path/to/checkpoint --out 3b --dry-run",
)

_BUDGETS, _MODEL_BUDGETS = "64,144,256", "256,1280,4096,16384"
_OUT = "saccade-sweep"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade sweep run`."""
    parser.epilog = (
        "Asks for every target at every budget under every policy. The same command goes on where it was stopped, and "
        "more targets, budgets or policies may be added to a run. Other actions, each with its own help: report, "
        "compare, export and merge."
    )
    add_model_argument(parser)
    add_engine_argument(parser)
    parser.add_argument(
        "--budgets",
        metavar="N,N",
        help=f"tokens, Npx, checkpoint or RUNTIME@VERSION (default {_BUDGETS}; other models {_MODEL_BUDGETS})",
    )
    add_policies_argument(parser)
    parser.add_argument(
        "--out", default=_OUT, metavar="DIR", help=f"folder of the run, which a stopped sweep resumes (default {_OUT})"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print counts, tokens and time; ask nothing (default no)"
    )
    add_data_arguments(parser)
    model = parser.add_argument_group("model")
    add_revision_argument(model)
    add_memory_argument(model)
    add_answer_arguments(parser)
    add_worker_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Ask what the run lacks, then print the table of all its answers; exit code 2 if a question failed."""
    from mlx_saccade import evals
    from mlx_saccade.evals.engines import open_runtime

    spec, shared_out = runtime_spec(options), is_shared_out(options)
    words = options.budgets or (_BUDGETS if spec.is_packaged else _MODEL_BUDGETS)
    budgets = with_server_budget(options, parse_budget_words(words))
    policies = parse_policies(options.policy or ["flat"])
    data = open_data(options)
    questions = evals.questions_of(data, budgets, policies)
    runtime = open_runtime(spec)
    try:
        if options.dry_run:
            return print_forecast(options, data, runtime, questions)
        for line in data.notes:
            output.note(line)
        _ask(options, data, runtime, spec if shared_out else None, questions)
    finally:
        runtime.close()
    return _report(options, evals.read_run(options.out))


def _ask(
    options: argparse.Namespace, data: DataSet, runtime: Runtime, shared: RuntimeSpec | None, questions: list[Question]
) -> None:
    """Ask what the run lacks, in this process or, with the spec of what they share, in others."""
    from mlx_saccade import evals

    with evals.RunFolder(options.out, data, runtime, data.notes) as folder, progress.bar() as bar:
        answered = sum(folder.is_answered(question.key) for question in questions)
        task = bar.add_task("asking", total=len(questions), completed=answered)
        if shared is None or answered == len(questions):
            evals.ask_missing(folder, data, runtime, questions, lambda row: bar.advance(task))
            return
        from mlx_saccade.evals import cluster

        runtime.close()  # each worker opens its own
        with client_of(options) as client:
            opener = opener_of(shared)
            cluster.ask_on_cluster(client, folder, data, opener, questions, lambda row: bar.advance(task))


def _report(options: argparse.Namespace, run: Run) -> int:
    from mlx_saccade.evals.outcomes import RunOutcome

    outcome = RunOutcome.of(run, options.out)
    if options.json:
        output.print_json(outcome.as_dict())
    else:
        print_accuracy(list(outcome.cells), "regime")
        print_seconds([cell for cell in outcome.cells if cell.grouping == "all"])
        output.text(
            f"{quantity(outcome.questions, 'question')} in {options.out}; all figures: sweep report {options.out}"
        )
        if outcome.missing > outcome.errors:
            earlier = quantity(outcome.missing - outcome.errors, "question")
            output.text(f"{earlier} of earlier commands on this run have no answer yet; the same commands ask them")
    if outcome.errors:
        output.note(f"{quantity(outcome.errors, 'question')} failed, the first with: {outcome.error}")
    return 2 if outcome.errors else 0
