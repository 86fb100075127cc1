"use strict";
// The peers side by side, from the last recorded runs, with machine and date.

saccade.views = { ...saccade.views, peers: (() => {
  const { make, note, missing } = saccade.dom;
  const { figures, times, label, isNumber, side: sideName } = saccade.format;
  const cases = saccade.data.peers;
  const unique = (values) => [...new Set(values)];

  function start(state) {
    if (!cases.length) return { controls: null, draw: () => [missing("No comparison with a peer is among the data. " +
      "In a clone, the figures are in benchmarks/: ", make("code", {}, "mlx-saccade dashboard build --data benchmarks"))] };
    const { select, radios, bar } = saccade.controls;
    const groups = unique(cases.map((one) => one.group))
      .sort((a, b) => (b === "whole call") - (a === "whole call") || (b === "engine") - (a === "engine"));
    const machines = unique(cases.map((one) => one.machine));
    return {
      controls: bar(select("Benchmark", "group", groups.map((group) => [group, group]), state),
        select("Machine", "machine", machines.map((machine) => [machine, machine]), state),
        radios("Scale", "scale", [["log", "logarithmic"], ["linear", "linear"]], state)),
      draw: () => draw(state, groups, machines),
    };
  }

  function draw(state, groups, machines) {
    const group = state.params.group ?? groups[0];
    const machine = state.params.machine ?? machines[0];
    const own = cases.filter((one) => one.group === group && one.machine === machine);
    if (!own.length) return [missing(`“${group}” was not measured on ${machine}.`)];
    const sides = unique(own.flatMap((one) => one.sides.map((side) => side.side)));
    const dates = unique(own.map((one) => one.date)).join(", ");
    const first = own[0].sides[0].side;
    const traces = () => sides.map((name, place) => {
      const points = own.flatMap((one) => one.sides.filter((side) => side.side === name && isNumber(timesOf(one, side)))
        .map((side) => [label(one.case), timesOf(one, side)]));
      return { type: "scatter", mode: "markers", name: label(sideName(name)), y: points.map(([y]) => y), x: points.map(([, x]) => x),
        marker: { size: 11, color: saccade.chart.color(place), symbol: saccade.chart.symbol(place) },
        hovertemplate: "%{y}: %{x:.3g} times" };
    });
    const unit = unique(own.map((one) => one.unit));
    const text = `${machine}, ${dates}. Times the ${unit.join(", ")} of ${first}` +
      (unit.includes("GB/s") ? "." : `: above 1, ${first} needs less.`);
    return [saccade.chart.figure(`${group}: ratio to ${first}`, text, () => ({ traces: traces(),
      height: 8 + 2 * own.length, layout: {
        xaxis: { title: { text: `times ${label(first)}` }, ...saccade.chart.axis(
          state.params.scale ?? "log", own.flatMap((one) => one.sides.map((side) => timesOf(one, side)))) },
        yaxis: { type: "category", autorange: "reversed", ticksuffix: " " } } }), table(own)),
    note("A ratio compares two sides of one run. A side that is missing in a row was not installed, cannot run it, or " +
      "was not measured.")];
  }

  const timesOf = (one, side) => (side === one.sides[0] && isNumber(side.value) ? 1 : side.times);

  function table(own) {
    const rows = own.flatMap((one) => one.sides.map((side) => ({ ...one, ...side, ratio: timesOf(one, side) })));
    return saccade.table.table("peers", "Every side of every case", [
      { name: "case", value: (row) => row.case },
      { name: "side", value: (row) => sideName(row.side), left: true },
      { name: "value", value: (row) => row.value, text: figures },
      { name: "unit", value: (row) => row.unit, left: true },
      { name: "times the first", value: (row) => row.ratio, text: times },
      { name: "output", value: (row) => row.note, left: true },
      { name: "machine", value: (row) => row.machine, left: true },
      { name: "date", value: (row) => row.date, left: true },
    ], rows);
  }

  return { title: "Peers", start, lead: "Preparation of images and the engine beside what else does the same work." };
})() };
