"use strict";
// Accuracy by budget, policy, target size and side in model pixels, and the budget for one's own target.

saccade.views = { ...saccade.views, accuracy: (() => {
  const { make, note, missing } = saccade.dom;
  const { seconds, whole, share, figures, label, isNumber } = saccade.format;
  const { sets, by_side: bySide } = saccade.data.accuracy;
  const { families, recommend: published } = saccade.data.arithmetic;
  const SIZES = ["large", "medium", "small", "tiny"];
  const SIZE_TEXTS = { large: "large, over 5 % of the frame", medium: "medium, 1 to 5 %", small: "small, 0.1 to 1 %",
    tiny: "tiny, below 0.1 %", all: "all targets" };
  const policyNames = [...new Set(sets.flatMap((set) => set.cells.map((cell) => cell.policy)))];
  const SCREEN_4K = 3840 * 2160;
  const OF_RUNS = "Runs of yours have policies (more than one look): their charts are below, and " +
    "mlx-saccade recommend --from RUN advises from one.";
  const NO_POLICIES = "No measurement of policies (more than one look) is among the data.";

  function start(state) {
    const { select, radios, pixels, bar } = saccade.controls;
    const fronts = saccade.tradeoff.sources(saccade.data.accuracy);
    const advice = make("div", { "aria-live": "polite" });
    const target = bar(
      pixels("Target width, px", "tw", 60, state), pixels("Target height, px", "th", 40, state),
      pixels("Screen width, px", "sw", 3840, state), pixels("Screen height, px", "sh", 2160, state),
      select("Family", "family", ["qwen2.5-vl", ...families.map((one) => one.name)].filter((name, place, all) =>
        all.indexOf(name) === place).map((name) => [name, name]), state),
    );
    const charts = bar(
      select("Measurement", "set", sets.map((set, place) => [String(place), set.name]), state),
      select("Targets", "size", [[EACH, EACH], ...[...SIZES, "all"].map((size) => [size, SIZE_TEXTS[size]])], state),
      select("Policies", "policy", [[FIRST, "first of the measurement"], ["all", "all, beside each other"],
        ...policyNames.map((name) => [name, name])], state),
      radios("Figure", "value", [["iou", "mean IoU"], ["hits", "center inside"], ["center_error_share", "center error"],
        ["size_ratio", "size of the box"]], state),
      radios("Budget scale", "scale", [["log", "logarithmic"], ["linear", "linear"]], state),
      select("Accuracy against seconds of", "front", fronts.map((one, place) => [String(place), one.name]), state),
    );
    return { controls: make("div", {}, target, advice, charts), draw: () => {
      saccade.dom.replace(advice, answer(state));
      return [budgets(state), sides(state), front(state, fronts)];
    } };
  }

  // -- one's own target

  function answer(state) {
    const { pixelsOf } = saccade.controls;
    const target = [pixelsOf(state, "tw", 60), pixelsOf(state, "th", 40)];
    const size = [pixelsOf(state, "sw", 3840), pixelsOf(state, "sh", 2160)];
    const family = families.find((one) => one.name === (state.params.family ?? "qwen2.5-vl"));
    const advice = saccade.recommend.recommend(target, size, family);
    const question = `A target of ${target[0]} × ${target[1]} px on a screen of ${size[0]} × ${size[1]} px`;
    if (advice === null) return missing(`${question}: the target must be inside the screen, and no side of the screen ` +
      "over 200 times the other or below what the checkpoint holds.");
    const { row, plan } = advice;
    const looks = measuredLooks(target, size);
    const zoomed = advice.zoom ? " a look, and more than one look" : "";
    return make("section", { class: "answer", "aria-label": "Recommendation" },
      make("p", {}, `${question} is `, make("em", {}, row.size), ` (${figures(advice.share * 100)} % of the frame).`),
      make("p", {}, make("strong", {}, `Budget: ${whole(advice.budget)} tokens${zoomed}`)),
      make("p", {}, `Reason, measured on ${row.targets} published targets: ${row.finding}.`,
        advice.capped ? ` ${whole(advice.budget)} tokens hold this image at its own size; more would add no detail.` : "",
        ` The model sees ${plan.resized[0]} × ${plan.resized[1]} px, the target's shorter side ` +
        `${figures(advice.shorter)} px of them.`),
      make("p", {}, make("code", {}, `mlx-saccade locate screen.png "the target" --budget ${advice.budget}` +
        (advice.zoom ? " --policy search" : ""))),
      make("p", {}, looks ?? (policyNames.some((name) => name !== "flat") ? OF_RUNS : NO_POLICIES)),
      note(`Limits of the published table: ${published.limits.join("; ")}.` +
        (family.name === "qwen2.5-vl" ? "" : ` Nothing was measured on ${family.name}.`)));
  }

  // What the policies found of targets of this size, scaled to the 4K screens of that measurement.
  function measuredLooks(target, size) {
    if (!bySide.length) return null;
    const table = bySide[0];
    const side = Math.min(...target) * Math.sqrt(SCREEN_4K / (size[0] * size[1]));
    const rows = table.rows.filter((row) => side >= row.from_px && (row.below_px === null || side < row.below_px));
    if (!rows.length) return null;
    const best = Math.max(...rows.map((row) => row.right));
    const choice = rows.find((row) => row.right >= best - 0.05); // rows go from few looks to many
    const range = choice.below_px === null ? `from ${choice.from_px} px` : `${choice.from_px} to ${choice.below_px} px`;
    const all = rows.map((row) => `${row.policy} ${share(row.right)}`).join(", ");
    return `Policies: "${choice.policy}" is the one with the fewest looks within 0.05 of the best. Right, of ` +
      `${whole(choice.n)} targets of ${range} (yours is ${figures(side)} px on a 4K screen): ${all}. ` +
      `${table.note} ${table.date}, ${table.machine}.`;
  }

  // -- by budget

  const FIGURES = {
    iou: { name: "Mean IoU", ends: ["low", "high"] },
    hits: { name: "Center inside", ends: ["hits_low", "hits_high"] },
    center_error_share: { name: "Center error as a share of the target's diagonal",
      text: "Median distance of the two centers; 0 is no drift." },
    size_ratio: { name: "Area of the box as a multiple of the target's",
      text: "Median; above 1 the boxes are bloated, below 1 they are cropped." },
  };
  const FIRST = "the first", EACH = "each size";

  function policiesOf(state, set) {
    const all = [...new Set(set.cells.map((cell) => cell.policy))];
    const choice = state.params.policy ?? FIRST;
    return choice === FIRST ? all.slice(0, 1) : choice === "all" ? all : [choice];
  }

  // The lines of a measurement that the controls choose: one for each size and policy with figures.
  function linesOf(state, set, key) {
    const policies = policiesOf(state, set);
    const sizes = (state.params.size ?? EACH) === EACH ? SIZES : [state.params.size];
    return sizes.flatMap((size) => policies.map((policy) => ({ size, policy,
      color: sizes.length > 1 ? SIZES.indexOf(size) : policies.indexOf(policy), mark: policies.indexOf(policy),
      name: [...(sizes.length > 1 || policies.length === 1 ? [SIZE_TEXTS[size]] : []),
        ...(policies.length > 1 ? [policy] : [])].join("; "),
      cells: set.cells.filter((cell) => cell.size === size && cell.policy === policy && isNumber(cell.budget) &&
        isNumber(cell[key])) })))
      .filter((line) => line.cells.length);
  }

  const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];

  const hasEnds = (cells, ends) => Boolean(ends) && cells.some((cell) => isNumber(cell[ends[0]]));
  const barsText = (cells, ends) => (hasEnds(cells, ends) ? "Bars are 95 % intervals." : "No intervals.");

  function errorBars(cells, key, ends) {
    if (!hasEnds(cells, ends)) return undefined;
    const gap = (cell, end, sign) => (isNumber(cell[end]) ? sign * (cell[end] - cell[key]) : null);
    return { type: "data", symmetric: false, thickness: 1.5, array: cells.map((cell) => gap(cell, ends[1], 1)),
      arrayminus: cells.map((cell) => gap(cell, ends[0], -1)) };
  }

  function budgets(state) {
    const set = sets[Number(state.params.set ?? 0)];
    const key = state.params.value ?? "iou";
    const { name, ends, text } = FIGURES[key];
    const lines = linesOf(state, set, key);
    if (!lines.length) return missing(`“${set.name}” has no figure for ${name.toLowerCase()} of this choice.`);
    const cells = lines.flatMap((line) => line.cells);
    const apart = (place) => 1.012 ** (place - (lines.length - 1) / 2); // or intervals would lie on each other
    const traces = () => lines.map((line, place) => ({ type: "scatter", mode: "lines+markers", name: label(line.name),
      x: line.cells.map((cell) => cell.budget * apart(place)), y: line.cells.map((cell) => cell[key]),
      line: { color: saccade.chart.color(line.color), width: 2, dash: DASHES[line.mark % DASHES.length] },
      marker: { size: 9, symbol: saccade.chart.symbol(line.color + line.mark) },
      text: line.cells.map((cell) => label(cell.label)), hovertemplate: "%{text}: %{y:.3f}",
      error_y: errorBars(line.cells, key, ends) }));
    const ticks = [...new Set(cells.map((cell) => cell.budget))];
    const isLinear = state.params.scale === "linear";
    return make("div", {}, saccade.chart.figure(`${name} by budget and target size`,
      `${text ?? bests(set, lines, key)} ${barsText(cells, ends)}`,
      () => ({ traces: traces(), height: 26, layout: {
        xaxis: { title: { text: "budget in visual tokens" }, type: isLinear ? "linear" : "log",
          ...(isLinear ? {} : { tickvals: ticks, ticktext: ticks.map(whole) }) },
        yaxis: { title: { text: name }, ...(ends ? { range: [-0.03, 1.03] } : { rangemode: "tozero" }) } } }),
      cellsTable(set, "accuracy", "target", set.cells)), note(set.note));
  }

  // The best budget of each line, and how sure it is where the measurement says so.
  function bests(set, lines, key) {
    return `${lines.map((line) => {
      const best = line.cells.reduce((a, b) => (b[key] > a[key] ? b : a));
      const optimum = set.optima.find((one) => one.size === line.size && one.policy === line.policy && one.metric === key);
      return `${line.name}: ${optimum ? sure(optimum) : `best ${share(best[key])} at ${budgetText(best.label)}`}`;
    }).join("; ")}.`;
  }

  function sure(one) {
    if (one.mean === 0) return "no best, as the mean of every setting is 0";
    const best = `best ${share(one.mean)} at ${budgetText(one.best.label)}`;
    if (!isNumber(one.share)) return `${best} (${one.note})`;
    const level = one.level.map((choice) => budgetText(choice.label)).join(", ");
    const percent = Math.round(one.share * 100);
    return `${best}, in ${percent} % of the bootstrap draws, level with ${level || "none"}`;
  }

  const budgetText = (text) => (/^\d+$/.test(text) ? `${whole(Number(text))} tokens` : text);

  function cellsTable(set, file, group, cells) {
    return saccade.table.table(file, `Accuracy by ${group}, policy and budget: ${set.name}`, [
      { name: group, value: (cell) => cell.size },
      { name: "policy", value: (cell) => cell.policy, left: true },
      { name: "budget", value: (cell) => cell.label, text: (value) => budgetText(value).replace(" tokens", "") },
      { name: "n", value: (cell) => cell.n, text: whole },
      { name: "mean tokens", value: (cell) => cell.tokens, text: whole },
      { name: "mean IoU", value: (cell) => cell.iou, text: share },
      { name: "low", value: (cell) => cell.low, text: share },
      { name: "high", value: (cell) => cell.high, text: share },
      { name: "center inside", value: (cell) => cell.hits, text: share },
      { name: "low, center", value: (cell) => cell.hits_low, text: share },
      { name: "high, center", value: (cell) => cell.hits_high, text: share },
      { name: "center error, share of the diagonal", value: (cell) => cell.center_error_share, text: figures },
      { name: "area, times the target's", value: (cell) => cell.size_ratio, text: figures },
      { name: "no answer", value: (cell) => cell.no_answer, text: whole },
      { name: "rejected", value: (cell) => cell.rejected, text: whole },
      { name: "failed", value: (cell) => cell.failed, text: whole },
      { name: "median seconds", value: (cell) => cell.seconds, text: seconds },
    ], cells);
  }

  // -- by the target's side in model pixels

  // What a budget does is to make targets larger for the model: curves that lie on each other say that it does no more.
  function sides(state) {
    const set = sets[Number(state.params.set ?? 0)];
    const key = FIGURES[state.params.value ?? "iou"].ends ? state.params.value ?? "iou" : "iou";
    const { name, ends } = FIGURES[key];
    const policies = policiesOf(state, set);
    const labels = [...new Set(set.sides.map((cell) => cell.label))];
    const lines = policies.flatMap((policy, mark) => labels.map((text, color) => ({ color, mark,
      name: [budgetText(text), ...(policies.length > 1 ? [policy] : [])].join("; "),
      cells: set.sides.filter((cell) => cell.policy === policy && cell.label === text && isNumber(cell[key])) })))
      .filter((line) => line.cells.length);
    if (!lines.length) return null;
    const groups = [...new Set(set.sides.map((cell) => cell.size))];
    const traces = () => lines.map((line) => ({ type: "scatter", mode: "lines+markers", name: label(line.name),
      x: line.cells.map((cell) => cell.size), y: line.cells.map((cell) => cell[key]),
      line: { color: saccade.chart.color(line.color), width: 2, dash: DASHES[line.mark % DASHES.length] },
      marker: { size: 9, symbol: saccade.chart.symbol(line.color + line.mark) },
      text: line.cells.map((cell) => `n ${whole(cell.n)}`), hovertemplate: "%{x} px: %{y:.3f}, %{text}",
      error_y: errorBars(line.cells, key, ends) }));
    return make("div", {}, saccade.chart.figure(`${name} by the target's side in model pixels`,
      `Shorter side of the target on the image of the first look; a line for each budget. ${barsText(set.sides, ends)}`,
      () => ({ traces: traces(), height: 24, layout: {
        xaxis: { title: { text: "shorter side in model pixels" }, type: "category", categoryarray: groups },
        yaxis: { title: { text: name }, range: [-0.03, 1.03] } } }),
      cellsTable(set, "accuracy-sides", "side", set.sides)));
  }

  // -- accuracy against seconds

  function front(state, sources) {
    const size = (state.params.size ?? EACH) === EACH ? "all" : state.params.size;
    const source = sources[Number(state.params.front ?? 0)];
    return saccade.tradeoff.draw(source, size, SIZE_TEXTS[size], state.params.value === "hits" ? "hits" : "iou");
  }

  return { title: "Accuracy by budget and target size", start,
    lead: "No budget serves every target: choose it by the target's share of the frame, and look twice at tiny ones." };
})() };
