"use strict";
// The ratios of peers to saccade over commits, by machine, with regressions marked.

saccade.views = { ...saccade.views, history: (() => {
  const { make, note, missing } = saccade.dom;
  const { whole, times, label, date, side } = saccade.format;
  const series = saccade.data.history;

  const placeOf = (one) => [one.machine, one.device, one.kind, one.model].filter(Boolean).join(", ");
  const lineOf = (one) => `${side(one.peer)}, ${whole(one.budget)} tokens` + (one.question > 1 ? `, question ${one.question}` : "");
  const pointName = (point) => `${date(point.date)} ${point.commit.slice(0, 9)}`;
  const unique = (values) => [...new Set(values)];

  function start(state) {
    if (!series.length) return { controls: null, draw: () => [missing("No run with two sides is among the data. ",
      make("code", {}, "mlx-saccade bench record"), " adds a run to the history.")] };
    const { select, radios, bar } = saccade.controls;
    const places = unique(series.map(placeOf));
    const stages = unique(series.map((one) => one.stage)).sort((a, b) => (b === "whole") - (a === "whole"));
    return {
      controls: bar(select("Machine and model", "place", places.map((place, index) => [String(index), place]), state),
        select("Stage", "stage", stages.map((stage) => [stage, stage]), state),
        radios("Scale", "scale", [["log", "logarithmic"], ["linear", "linear"]], state)),
      draw: () => draw(state, places, stages),
    };
  }

  function draw(state, places, stages) {
    const place = places[Number(state.params.place ?? 0)];
    const stage = state.params.stage ?? stages[0];
    const lines = series.filter((one) => placeOf(one) === place && one.stage === stage);
    if (!lines.length) return [missing(`No run of ${place} has the stage “${stage}” on two sides.`)];
    const rows = lines.flatMap((one) => one.points.map((point) => ({ line: lineOf(one), ...point,
      marked: point.regression })));
    const regressions = rows.filter((row) => row.regression);
    const text = `A ratio above 1 means that saccade is faster. ${whole(unique(rows.map((row) => row.date)).length)} runs; ` +
      (regressions.length ? `${whole(regressions.length)} regressions, at ${unique(regressions.map(pointName)).join("; ")}.`
        : "no regression.");
    return [saccade.chart.figure(`${stage}: peer's seconds over saccade's`, text, () => ({ traces: traces(lines),
      height: 26, layout: {
        xaxis: { type: "category", categoryorder: "array",
          categoryarray: unique([...rows].sort((a, b) => (a.date < b.date ? -1 : 1)).map((row) => label(pointName(row)))) },
        yaxis: { title: { text: "times saccade" }, ...saccade.chart.axis(state.params.scale ?? "log",
          rows.map((row) => row.ratio)) } } }), table(rows)),
    note("A regression is a stage that is slower than in the run before, each divided by a peer of its run, by more than " +
      "5 % and the noise, as ", make("code", {}, "mlx-saccade bench compare"), " finds it. Seconds of two runs are never " +
      "compared. Intervals are the least and the largest ratio of a run's rounds.")];
  }

  function traces(lines) {
    const points = lines.map((one, place) => ({ type: "scatter", mode: "lines+markers", name: label(lineOf(one)),
      x: one.points.map((point) => label(pointName(point))), y: one.points.map((point) => point.ratio),
      line: { color: saccade.chart.color(place) }, marker: { size: 8, symbol: saccade.chart.symbol(place) },
      error_y: { type: "data", symmetric: false, thickness: 1, array: one.points.map((point) => point.high - point.ratio),
        arrayminus: one.points.map((point) => point.ratio - point.low) },
      hovertemplate: "%{x}: %{y:.3g} times" }));
    const regressions = lines.flatMap((one) => one.points.filter((point) => point.regression));
    if (regressions.length) points.push({ type: "scatter", mode: "markers", name: "regression",
      x: regressions.map((point) => label(pointName(point))), y: regressions.map((point) => point.ratio),
      marker: { symbol: "circle-open", size: 20, color: saccade.chart.style("--bad"), line: { width: 3 } },
      hovertemplate: "regression: %{x}" });
    return points;
  }

  function table(rows) {
    return saccade.table.table("history", "Ratios by run", [
      { name: "peer and budget", value: (row) => row.line },
      { name: "date", value: (row) => row.date, left: true },
      { name: "commit", value: (row) => row.commit, left: true },
      { name: "ratio (median)", value: (row) => row.ratio, text: times },
      { name: "least", value: (row) => row.low, text: times },
      { name: "most", value: (row) => row.high, text: times },
      { name: "rounds", value: (row) => row.rounds, text: whole },
      { name: "regression", value: (row) => (row.regression ? "yes" : "no"), left: true },
    ], rows);
  }

  return { title: "History", start, lead: "How much faster than its peers each stage is, commit by commit." };
})() };
