"use strict";
// Charts by Plotly, which is loaded after the page has been painted. Each has a name, a description, and its table.

saccade.chart = (() => {
  const { make } = saccade.dom;
  const charts = new Set();
  let loading = null;

  function plotly() {
    loading ??= new Promise((resolve, reject) => {
      const script = make("script", { src: "plotly.min.js" });
      script.onload = () => resolve(globalThis.Plotly);
      script.onerror = () => reject(new Error("plotly.min.js is missing beside the page"));
      requestAnimationFrame(() => setTimeout(() => document.head.append(script)));
    });
    return loading;
  }

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const color = (place) => style(`--series-${(place % 8) + 1}`);
  const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "x"];
  const symbol = (place) => SYMBOLS[place % SYMBOLS.length];

  // A logarithmic axis with 1, 2 and 5 of each decade as ticks, for values above zero.
  function logAxis(values) {
    const positive = values.filter((value) => value > 0);
    const ticks = [];
    for (let power = Math.floor(Math.log10(Math.min(...positive))); power <= Math.log10(Math.max(...positive)) + 1; power += 1)
      ticks.push(...[1, 2, 5].map((digit) => Number(`${digit}e${power}`)));
    return { type: "log", tickvals: ticks, ticktext: ticks.map((tick) => tick.toLocaleString("en-US",
      { maximumSignificantDigits: 3 })) };
  }

  const axis = (scale, values) => (scale === "log" ? logAxis(values) : { type: "linear", rangemode: "tozero" });

  // name: heading. text: what a screen reader says in place of the picture. make_(): { traces, layout, height in rem },
  // called when Plotly is there. table: element with the same figures.
  function figure(name, text, make_, table) {
    const plot = make("div", { class: "plot", role: "img", "aria-label": `${name}. ${text}` });
    const entry = { plot, make_, isDrawn: false };
    forget();
    charts.add(entry);
    draw(entry);
    return make("figure", {}, make("figcaption", {}, make("h3", {}, name), make("p", {}, text)), plot,
      make("details", {}, make("summary", {}, `Table: ${name}`), table));
  }

  // Drop the charts that a view has replaced.
  function forget() {
    for (const entry of charts) {
      if (!entry.isDrawn || entry.plot.isConnected) continue;
      globalThis.Plotly.purge(entry.plot);
      charts.delete(entry);
    }
  }

  async function draw(entry) {
    let library;
    try {
      library = await plotly();
    } catch (error) {
      entry.plot.replaceWith(saccade.dom.missing(`No chart: ${error.message}. The table has the figures.`));
      return;
    }
    if (!entry.plot.isConnected) {
      charts.delete(entry);
      return;
    }
    const { traces, layout, height } = entry.make_();
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const line = style("--line");
    const common = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
    const full = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", height: (height + legendHeight(entry.plot, traces, rem)) * rem, autosize: true,
      font: { color: style("--text"), family: "system-ui, sans-serif", size: 0.8 * rem },
      margin: { l: 8, r: 16, t: 8, b: 8, pad: 4 },
      hoverlabel: { bgcolor: style("--page"), bordercolor: style("--text"), font: { color: style("--text") } },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", traceorder: "normal" },
      ...layout, xaxis: { ...common, ...layout.xaxis }, yaxis: { ...common, ...layout.yaxis },
    };
    entry.plot.style.height = `${full.height}px`;
    await library.react(entry.plot, traces.map((trace) => scaled(trace, rem / 16)), full, { displayModeBar: false, responsive: true, scrollZoom: false });
    entry.isDrawn = true;
    entry.plot.dataset.drawn = "";
  }

  // On a narrow screen the legend has a line for each trace.
  function legendHeight(plot, traces, rem) {
    const lines = traces.filter((trace) => trace.showlegend !== false).length;
    return plot.clientWidth < 40 * rem ? 1.3 * lines : 0;
  }

  // Marks grow with the text, which is larger on large screens.
  function scaled(trace, scale) {
    if (trace.marker?.size === undefined) return trace;
    const size = Array.isArray(trace.marker.size) ? trace.marker.size.map((one) => one * scale) : trace.marker.size * scale;
    const line = trace.line ? { ...trace.line, width: (trace.line.width ?? 2) * scale } : undefined;
    return { ...trace, marker: { ...trace.marker, size }, ...(line ? { line } : {}) };
  }

  return { figure, axis, color, symbol, style };
})();
