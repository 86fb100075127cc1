"use strict";
// Latency by budget: the stages of every call, saccade beside mlx-vlm, and published points.

saccade.views = { ...saccade.views, latency: (() => {
  const { make, note, missing } = saccade.dom;
  const { seconds, whole, bytes, label, isNumber, side: sideName } = saccade.format;
  const { sets, published } = saccade.data.latency;
  const PARTS = ["decode", "patchify", "preparation", "vision", "prefill", "rest of the first token", "later tokens and rest",
    "up to the first token", "whole call, not split"];
  const SIDES = ["saccade", "mlx-vlm", "mlx-vlm enabled"];
  const sum = (parts) => parts.reduce((total, [, value]) => total + value, 0);
  const rowName = (cell) => label(`${whole(cell.budget)} · ${sideName(cell.side)}`).replace(" with ", "<br>with ");
  const setOf = (state) => sets[Number(state.params.set ?? 0)];

  function start(state) {
    const { select, radios, bar } = saccade.controls;
    const points = () => radios("Scale of the points", "points", [["log", "logarithmic"], ["linear", "linear"]], state);
    if (!sets.length) return { controls: bar(points()), draw: () => [absent(), publishedFigure(state, [])] };
    const build = () => {
      const controls = [
        select("Run", "set", sets.map((one, place) => [String(place), one.name]), state),
        radios("Figure", "figure", [["seconds", "seconds"], ["tokens", "tokens"], ["memory", "memory"]], state),
        radios("Scale", "scale", [["linear", "linear"], ["log", "logarithmic"]], state),
        select("Question about one image", "question", questions(), state),
      ];
      if (sets.some((one) => one.cells.some((cell) => cell.estimate.length)))
        controls.push(radios("Seconds", "depth",
          [["measured", "measured"], ["estimate", "estimated for the whole model"]], state));
      return bar(...controls, points());
    };
    return { controls: build(), draw: () => draw(state) };
  }

  function questions() {
    const numbers = [...new Set(sets.flatMap((set) => set.cells.map((cell) => cell.question)))].sort((a, b) => a - b);
    return numbers.map((number) => [String(number), number === 1 ? "first question" : `question ${number}`]);
  }

  const absent = () => missing("No run of the engine is among the data, so only published points are shown. ",
    make("code", {}, "mlx-saccade bench profile"), " measures this machine.");

  function draw(state) {
    const set = setOf(state);
    const isEstimate = state.params.depth === "estimate";
    const cells = cellsOf(set, state).map((cell) => ({ ...cell,
      segments: isEstimate ? cell.estimate : cell.parts, call: isEstimate ? cell.estimated_whole : cell.whole }));
    if (!cells.length) return [missing("This run has no call for that question."), publishedFigure(state, [])];
    const figure = state.params.figure ?? "seconds";
    const chart = { seconds: secondsFigure, tokens: tokensFigure, memory: memoryFigure }[figure];
    return [set.note ? note(set.note) : null, chart(cells, state, isEstimate), publishedFigure(state, cells)];
  }

  function cellsOf(set, state) {
    const question = Number(state.params.question ?? questions()[0][0]);
    const place = (side) => (SIDES.includes(side) ? SIDES.indexOf(side) : SIDES.length);
    return set.cells.filter((cell) => cell.question === question)
      .sort((a, b) => a.budget - b.budget || place(a.side) - place(b.side));
  }

  function table(cells) {
    const stages = [...new Set(cells.flatMap((cell) => cell.stages.map(([name]) => name)))];
    const stage = (name) => ({ name: `${name}, s`, value: (cell) => new Map(cell.stages).get(name),
      text: (value) => seconds(value) });
    return saccade.table.table("latency", "Seconds of each stage, the median of the rounds; memory in bytes", [
      { name: "budget", value: (cell) => cell.budget, text: whole },
      { name: "side", value: (cell) => sideName(cell.side), left: true },
      { name: "tokens", value: (cell) => cell.tokens, text: whole },
      ...stages.map(stage),
      { name: "peak memory, bytes", value: (cell) => cell.peak_bytes, text: bytes },
      { name: "predicted memory, bytes", value: (cell) => cell.predicted_bytes, text: bytes },
      { name: "not run", value: (cell) => cell.skipped, left: true },
    ], cells);
  }

  // Bars from zero add up on a linear axis only; on a logarithmic one each stage is a dot.
  function secondsFigure(cells, state, isEstimate) {
    const isLog = state.params.scale === "log";
    const names = PARTS.filter((name) => cells.some((cell) => cell.segments.some(([part]) => part === name)));
    const traces = () => names.map((name) => {
      const own = cells.filter((cell) => new Map(cell.segments).has(name));
      const place = PARTS.indexOf(name);
      const points = { name, y: own.map(rowName),
        x: own.map((cell) => new Map(cell.segments).get(name)), hovertemplate: `%{y}: ${name} %{x:.4g} s<extra></extra>` };
      return isLog
        ? { ...points, type: "scatter", mode: "markers",
          marker: { color: saccade.chart.color(place), size: 11, symbol: saccade.chart.symbol(place) } }
        : { ...points, type: "bar", orientation: "h", marker: { color: saccade.chart.color(place),
          line: { color: saccade.chart.style("--page"), width: 1 } } };
    });
    const isMissing = (cell) => !isNumber(cell.call);
    const least = Math.min(...cells.flatMap((cell) => cell.segments.map(([, value]) => value)));
    const reasons = { type: "scatter", mode: "text", showlegend: false, hoverinfo: "skip", textposition: "middle right",
      x: cells.filter(isMissing).map((cell) => (isLog ? least : sum(cell.segments))), y: cells.filter(isMissing).map(rowName),
      text: cells.filter(isMissing).map((cell) => label(reasonOf(cell, isEstimate))) };
    const calls = { type: "scatter", mode: "markers", name: "whole call", x: cells.map((cell) => cell.call),
      y: cells.map(rowName), marker: { symbol: "line-ns", size: 22, line: { width: 3,
        color: saccade.chart.style("--text") } }, hovertemplate: "%{y}: whole call %{x:.4g} s<extra></extra>" };
    const kind = isEstimate ? "Estimated for the whole model, linear in the layers" : "Median of the rounds";
    return saccade.chart.figure("Seconds by budget and stage",
      `${kind}. ${isLog ? "Each dot is one stage." : "The bar is the sum of the stages and the upright mark the whole call; " +
        "stages that were timed apart can add up to more."} ${summary(cells)}`,
      () => ({ traces: [...traces(), calls, reasons], height: rowsHeight(cells), layout: { barmode: "stack",
        xaxis: { title: { text: "seconds" }, ...saccade.chart.axis(state.params.scale,
          cells.flatMap((cell) => [cell.call, ...cell.segments.map(([, value]) => value)])) },
        yaxis: rowsAxis(cells) } }), table(cells));
  }

  // Why a row has no bar, short enough for the chart; the table has all of it.
  function reasonOf(cell, isEstimate) {
    const text = cell.skipped ? cell.stages.length ? cell.skipped : `not run: ${cell.skipped}` : isEstimate ? "no estimate" : "whole call not measured";
    return text.length > 44 ? `${text.slice(0, 43)}…` : text;
  }

  function summary(cells) {
    const own = cells.filter((cell) => cell.side === "saccade" && isNumber(cell.call));
    const pairs = own.map((cell) => [cell, cells.find((one) => one.side === "mlx-vlm" && one.budget === cell.budget)])
      .filter(([, other]) => other && isNumber(other.call));
    return pairs.map(([cell, other]) => `At ${whole(cell.budget)} tokens saccade takes ${seconds(cell.call)}, ` +
      `mlx-vlm ${seconds(other.call)}.`).join(" ");
  }

  const rowsHeight = (cells) => 6 + 2.2 * cells.length;
  // Names in the order of the cells, also of those without a bar.
  const rowsAxis = (cells) => ({ type: "category", autorange: "reversed", categoryorder: "array",
    categoryarray: cells.map(rowName), ticksuffix: " " });

  // Bars from zero; dots on a logarithmic axis, which has no zero.
  function amounts(state, cells, value, name, place, unit) {
    const own = cells.filter((cell) => isNumber(value(cell)));
    const points = { name, x: own.map(value), y: own.map(rowName), hovertemplate: `%{y}: %{x:,.4s} ${unit}<extra></extra>` };
    const color = saccade.chart.color(place);
    return state.params.scale === "log"
      ? { ...points, type: "scatter", mode: "markers", marker: { color, size: 12, symbol: saccade.chart.symbol(place) } }
      : { ...points, type: "bar", orientation: "h", marker: { color } };
  }

  function tokensFigure(cells, state) {
    return saccade.chart.figure("Visual tokens by budget", "Tokens of the image that each side used.", () => ({
      traces: [amounts(state, cells, (cell) => cell.tokens, "tokens", 0, "tokens")], height: rowsHeight(cells),
      layout: { showlegend: false, xaxis: { title: { text: "visual tokens" }, ...axisOf(state, cells.map((cell) => cell.tokens)) },
        yaxis: rowsAxis(cells) } }), table(cells));
  }

  const axisOf = (state, values) => saccade.chart.axis(state.params.scale, values);

  function memoryFigure(cells, state) {
    const withMemory = cells.filter((cell) => isNumber(cell.peak_bytes) || isNumber(cell.predicted_bytes));
    if (!withMemory.length) return missing("This run did not measure memory.");
    return saccade.chart.figure("Peak memory by budget",
      "Measured during the run, and predicted before it. A missing bar was not measured or not predicted.", () => ({
        traces: [amounts(state, cells, (cell) => cell.peak_bytes, "measured peak", 0, "bytes"),
          amounts(state, cells, (cell) => cell.predicted_bytes, "predicted peak", 4, "bytes")],
        height: rowsHeight(cells) + withMemory.length, layout: { barmode: "group",
          xaxis: { title: { text: "bytes" }, tickformat: ".3s",
            ...axisOf(state, withMemory.flatMap((cell) => [cell.peak_bytes, cell.predicted_bytes])) }, yaxis: rowsAxis(cells) },
      }), table(cells));
  }

  function publishedFigure(state, cells) {
    const lines = [...new Set(cells.map((cell) => cell.side))].map((side) => [side,
      cells.filter((cell) => cell.side === side && isNumber(cell.tokens) && isNumber(cell.call))])
      .filter(([, own]) => own.length);
    const models = [...new Set(published.map((point) => `${point.model}, ${point.machine}`))];
    const scale = state.params.points ?? "log";
    const all = [...lines.flatMap(([, own]) => own.map((cell) => [cell.tokens, cell.call])),
      ...published.map((point) => [point.tokens, point.seconds])];
    const traces = () => [
      ...lines.map(([side, own], place) => ({ type: "scatter", mode: "lines+markers", name: label(sideName(side)),
        x: own.map((cell) => cell.tokens), y: own.map((cell) => cell.call),
        line: { color: saccade.chart.color(place) }, marker: { size: 8, symbol: saccade.chart.symbol(place) },
        hovertemplate: "%{x:,} tokens: %{y:.4g} s" })),
      ...models.map((model, place) => {
        const own = published.filter((point) => `${point.model}, ${point.machine}` === model);
        return { type: "scatter", mode: "markers", name: `published: ${label(model)}`, x: own.map((point) => point.tokens),
          y: own.map((point) => point.seconds), text: own.map((point) => label(point.image)),
          marker: { color: saccade.chart.color(place + 3), size: 11, line: { width: 2 },
            symbol: `${saccade.chart.symbol(place)}-open` }, hovertemplate: "%{text}: %{x:,} tokens, %{y} s" };
      }),
    ];
    const text = "Open marks are published by others, each for its own model and machine: they show the slope, and do " +
      "not compare with this run.";
    return saccade.chart.figure("Seconds against visual tokens, with published points", text, () => ({ traces: traces(),
      height: 28, layout: { xaxis: { title: { text: "visual tokens" }, ...saccade.chart.axis(scale, all.map(([x]) => x)) },
        yaxis: { title: { text: "seconds" }, ...saccade.chart.axis(scale, all.map(([, y]) => y)) },
        legend: { orientation: "h", y: -0.2, yanchor: "top" } } }), publishedTable());
  }

  function publishedTable() {
    return saccade.table.table("published-latency", "Published seconds a question", [
      { name: "model", value: (point) => point.model },
      { name: "machine", value: (point) => point.machine, left: true },
      { name: "image", value: (point) => point.image, left: true },
      { name: "tokens", value: (point) => point.tokens,
        text: (value, point) => whole(value) + (point.computed ? " (computed)" : "") },
      { name: "seconds", value: (point) => point.seconds, text: seconds },
      { name: "source", value: (point) => point.source, left: true },
    ], published);
  }

  return { title: "Latency by budget", start,
    lead: "Where the time of one question goes, stage by stage, for each budget of visual tokens." };
})() };
