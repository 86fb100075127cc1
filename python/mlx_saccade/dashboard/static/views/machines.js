"use strict";
// What owners of machines sent in, side by side.

saccade.views = { ...saccade.views, machines: (() => {
  const { make, note, missing } = saccade.dom;
  const { seconds, whole, bytes, label, date, isNumber, side: sideName } = saccade.format;
  const runs = saccade.data.machines;
  const unique = (values) => [...new Set(values)];

  const rowsOf = () => runs.flatMap((run) => run.cells.map((cell) => ({ run, cell })));
  const stageOf = (row, stage) => new Map(row.cell.stages).get(stage);

  function start(state) {
    if (!runs.length) return { controls: null, draw: () => [missing("Nothing has been sent in yet. ",
      make("code", {}, "mlx-saccade bench send-in"), " measures a machine and writes one file, without anything personal.")] };
    const { select, radios, bar } = saccade.controls;
    const stages = unique(rowsOf().flatMap((row) => row.cell.stages.map(([name]) => name)))
      .sort((a, b) => (b === "whole") - (a === "whole"));
    const sides = unique(rowsOf().map((row) => row.cell.side));
    return {
      controls: bar(select("Stage", "stage", stages.map((stage) => [stage, stage]), state),
        select("Side", "side", sides.map((side) => [side, sideName(side)]), state),
        radios("Scale", "scale", [["log", "logarithmic"], ["linear", "linear"]], state)),
      draw: () => [chart(state, stages, sides), facts(), checks()],
    };
  }

  function chart(state, stages, sides) {
    const stage = state.params.stage ?? stages[0];
    const side = state.params.side ?? sides[0];
    const rows = rowsOf().filter((row) => row.cell.side === side);
    const rowsOfStage = rows.filter((row) => isNumber(stageOf(row, stage)));
    if (!rowsOfStage.length) return missing(`No machine measured “${stage}” of ${side}.`);
    const machines = unique(rowsOfStage.map((row) => row.run.machine));
    const traces = () => machines.map((machine, place) => {
      const own = rowsOfStage.filter((row) => row.run.machine === machine);
      return { type: "scatter", mode: "markers", name: label(machine), marker: { size: 11,
        color: saccade.chart.color(place), symbol: saccade.chart.symbol(place) },
      y: own.map((row) => `${whole(row.cell.budget)} tokens` + (row.cell.question > 1 ? `, question ${row.cell.question}` : "")),
      x: own.map((row) => stageOf(row, stage)), hovertemplate: "%{y}: %{x:.4g} s" };
    });
    return make("div", {}, saccade.chart.figure(`${stage} of ${side}, by machine`,
      `By machine: ${machines.join("; ")}.`, () => ({ traces: traces(),
        height: 10 + 2 * unique(rowsOfStage.map((row) => row.cell.budget)).length, layout: {
          xaxis: { title: { text: "seconds" }, ...saccade.chart.axis(
            state.params.scale ?? "log", rowsOfStage.map((row) => stageOf(row, stage))) },
          yaxis: { type: "category", autorange: "reversed", ticksuffix: " " } } }), table(rowsOf(), stages)),
    note("Seconds of two machines differ with everything that runs on them: read them as orders of magnitude."));
  }

  function table(rows, stages) {
    return saccade.table.table("sent-in", "Seconds of each stage, the median of the rounds", [
      { name: "machine", value: (row) => row.run.machine },
      { name: "side", value: (row) => sideName(row.cell.side), left: true },
      { name: "budget", value: (row) => row.cell.budget, text: whole },
      { name: "question", value: (row) => row.cell.question, text: whole },
      ...stages.map((stage) => ({ name: `${stage}, s`, value: (row) => stageOf(row, stage), text: seconds })),
      { name: "peak memory, bytes", value: (row) => row.cell.peak_bytes, text: bytes },
      { name: "not run", value: (row) => row.cell.skipped, left: true },
    ], rows);
  }

  function checks() {
    const rows = runs.flatMap((run) => run.checks.map((check) => ({ run, check, marked: !check.passed })));
    if (!rows.length) return missing("No check of exactness was sent in.");
    const failed = rows.filter((row) => row.marked).length;
    const count = failed ? `${whole(failed)} of ${whole(rows.length)} checks DIFFER` : `all ${whole(rows.length)} checks: same bytes`;
    return make("details", { open: failed > 0 }, make("summary", {}, `Exactness: ${count}`), checksTable(rows));
  }

  const passed = (run) => run.checks.filter((check) => check.passed).length;

  function checksTable(rows) {
    return saccade.table.table("checks", "Checks of exactness", [
      { name: "machine", value: (row) => row.run.machine },
      { name: "check", value: (row) => row.check.name, left: true },
      { name: "kernel", value: (row) => row.check.kernel, left: true },
      { name: "result", value: (row) => (row.check.passed ? "same bytes" : "DIFFERS"), left: true },
      { name: "detail", value: (row) => row.check.detail, left: true },
    ], rows);
  }

  function facts() {
    return saccade.table.table("machines", "Machines", [
      { name: "machine", value: (run) => run.machine },
      { name: "exact checks", value: (run) => (run.checks.length ? `${passed(run)} of ${run.checks.length}` : null) },
      { name: "system", value: (run) => run.system, left: true },
      { name: "device of MLX", value: (run) => run.device, left: true },
      { name: "kernel", value: (run) => run.kernel, left: true },
      { name: "threads", value: (run) => run.threads || null, text: whole },
      { name: "model", value: (run) => run.model, left: true },
      { name: "versions", value: (run) => run.versions.map((pair) => pair.join(" ")).join(", "), left: true },
      { name: "commit", value: (run) => run.commit, text: (commit) => commit.slice(0, 9) + (commit.endsWith("+") ? "+" : ""), left: true },
      { name: "date", value: (run) => run.date, text: date, left: true },
    ], runs);
  }

  return { title: "Sent in", start, lead: "Machines by chip, as their owners measured them." };
})() };
