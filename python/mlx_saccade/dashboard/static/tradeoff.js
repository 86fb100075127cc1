"use strict";
// Accuracy against seconds: the choices of one measurement, and its Pareto front.

saccade.tradeoff = (() => {
  const { make, note, missing } = saccade.dom;
  const { seconds, whole, share, interval, label, isNumber } = saccade.format;
  const SIZES = ["large", "medium", "small", "tiny"];
  const budgetText = (text) => (/^\d+$/.test(text) ? whole(Number(text)) : text);

  // What can be drawn: every table of policies, and every measurement with seconds. They are not mixed.
  // `groups(size, key)` gives the marks of each color; `isJoint`: there is one front of them all.
  function sources({ sets, policies }) {
    const withSeconds = sets.filter((set) => set.cells.some((cell) => isNumber(cell.seconds)));
    return [...policies.map(fromTable), ...withSeconds.map((set) => (set.optima.length ? fromRun(set) : fromSizes(set)))];
  }

  function fromTable(table) {
    const groups = [[true, "choices of --policy"], [false, "ablations, no choices"]].map(([isChoice, name]) => ({
      name, isCompared: isChoice, points: table.rows.filter((row) => row.is_choice === isChoice).map((row) => ({
        name: row.policy, seconds: row.seconds.mean, value: row.right.mean, low: row.right.low, high: row.right.high })) }));
    return { name: `policies, ${table.machine} ${table.date}`, note: table.note, value: () => "share right",
      groups: () => groups };
  }

  function fromSizes(set) {
    const groups = SIZES.map((size) => ({ name: size, points: set.cells.filter((cell) => cell.size === size &&
      isNumber(cell.seconds)).map((cell) => ({ name: `${size}, ${budgetText(cell.label)} tokens`, seconds: cell.seconds,
      value: cell.iou, low: cell.low, high: cell.high })) }));
    return { name: set.name, note: set.note, value: () => "mean IoU", groups: () => groups };
  }

  // Of a run: every policy and budget, on all targets or on those of one size.
  function fromRun(set) {
    const names = [...new Set(set.cells.map((cell) => cell.policy))];
    const ends = { iou: ["low", "high"], hits: ["hits_low", "hits_high"] };
    const groups = (size, key) => names.map((policy) => ({ name: policy, points: set.cells.filter((cell) =>
      cell.policy === policy && cell.size === size && isNumber(cell.seconds) && isNumber(cell[key])).map((cell) => ({
      name: `${policy}, ${budgetText(cell.label)}`, short: budgetText(cell.label), seconds: cell.seconds, value: cell[key],
      low: cell[ends[key][0]], high: cell[ends[key][1]] })) }));
    return { name: set.name, note: set.note, value: (key) => (key === "hits" ? "center inside" : "mean IoU"), groups,
      isJoint: true };
  }

  // The points that no other one beats in both: cheapest first, each better than all before it.
  function frontOf(points) {
    const sorted = [...points].sort((a, b) => a.seconds - b.seconds || b.value - a.value);
    let best = -Infinity;
    return sorted.filter((point) => point.value > best && ((best = point.value), true));
  }

  // size: of the targets, where the source has sizes; sizeText: in words. key: "iou" or "hits".
  function draw(source, size, sizeText, key) {
    if (!source) return missing("No measurement with seconds is among the data.");
    const groups = source.groups(size, key).filter((group) => group.points.length);
    const title = `Accuracy against seconds: ${source.name}${source.isJoint ? `, ${sizeText}` : ""}`;
    if (!groups.length) return missing(`“${source.name}” has no seconds of ${sizeText}.`);
    const choices = groups.filter((group) => group.isCompared !== false);
    const fronts = source.isJoint ? [frontOf(choices.flatMap((group) => group.points))] :
      choices.map((group) => frontOf(group.points));
    const isOnFront = (point) => fronts.some((front) => front.includes(point));
    const rows = groups.flatMap((group) => group.points.map((point) => ({ ...point, isOnFront: isOnFront(point) })));
    const value = source.value(key);
    return make("div", {}, saccade.chart.figure(title,
      "Filled marks on the dotted line are the Pareto front, which nothing faster beats: " +
      `${fronts.flat().map((point) => point.name).join("; ")}.`, () => ({
        traces: [...frontLines(groups, fronts, source.isJoint), ...marks(groups, isOnFront)], height: 24,
        layout: { showlegend: groups.length > 1, yaxis: { title: { text: value }, range: [0, 1.05] },
          xaxis: { title: { text: "seconds" }, ...saccade.chart.axis("log", rows.map((row) => row.seconds)) } },
      }), table(title, value, rows)), note(source.note));
  }

  function frontLines(groups, fronts, isJoint) {
    return fronts.map((front) => ({ type: "scatter", mode: "lines", showlegend: false, hoverinfo: "skip",
      line: { shape: "hv", dash: "dot", width: 1.5, color: isJoint ? saccade.chart.style("--text") :
        saccade.chart.color(groups.findIndex((group) => group.points.includes(front[0]))) },
      x: front.map((point) => point.seconds), y: front.map((point) => point.value) }));
  }

  function marks(groups, isOnFront) {
    const all = groups.flatMap((group) => group.points.map((point) => point.seconds));
    const middle = Math.sqrt(Math.min(...all) * Math.max(...all)); // of the logarithmic axis
    const isWide = matchMedia("(min-width: 50rem)").matches;
    return groups.map(({ name, points }, place) => ({ type: "scatter", mode: isWide ? "markers+text" : "markers",
      name: label(name), x: points.map((point) => point.seconds), y: points.map((point) => point.value),
      hovertext: points.map((point) => label(point.name)),
      text: points.map((point) => (isOnFront(point) ? label(point.short ?? point.name) : "")),
      textposition: points.map((point) => (point.seconds > middle ? "bottom left" : "bottom right")),
      marker: { color: saccade.chart.color(place), size: points.map((point) => (isOnFront(point) ? 13 : 8)),
        symbol: points.map((point) => saccade.chart.symbol(place) + (isOnFront(point) ? "" : "-open")) },
      error_y: { type: "data", symmetric: false, thickness: 1,
        array: points.map((point) => (isNumber(point.high) ? point.high - point.value : null)),
        arrayminus: points.map((point) => (isNumber(point.low) ? point.value - point.low : null)) },
      hovertemplate: "%{hovertext}: %{y:.3f} in %{x:.3g} s<extra></extra>" }));
  }

  function table(title, value, rows) {
    return saccade.table.table("accuracy-seconds", title, [
      { name: "choice", value: (row) => row.name },
      { name: "seconds", value: (row) => row.seconds, text: seconds },
      { name: value, value: (row) => row.value, text: share },
      { name: "95 % interval", value: (row) => (isNumber(row.low) ? interval(row.low, row.high) : null) },
      { name: "on the front", value: (row) => (row.isOnFront ? "yes" : "no"), left: true },
    ], rows);
  }

  return { sources, draw, frontOf };
})();
