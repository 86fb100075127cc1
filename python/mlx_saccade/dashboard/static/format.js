"use strict";
// Numbers as people read them. A value that is missing is a dash, never zero.

saccade.format = (() => {
  const MISSING = "–";
  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
  const whole = (value) => (isNumber(value) ? Math.round(value).toLocaleString("en-US") : MISSING);

  function seconds(value) {
    if (!isNumber(value)) return MISSING;
    if (value >= 1) return `${figures(value)} s`;
    return value >= 1e-3 ? `${figures(value * 1e3)} ms` : `${figures(value * 1e6)} µs`;
  }

  // Three significant figures, with thousands separated.
  function figures(value) {
    if (!isNumber(value)) return MISSING;
    return value.toLocaleString("en-US", { maximumSignificantDigits: 3 });
  }

  function bytes(value) {
    if (!isNumber(value)) return MISSING;
    const units = ["bytes", "KB", "MB", "GB", "TB"];
    const place = Math.min(units.length - 1, value < 1 ? 0 : Math.floor(Math.log10(value) / 3));
    return `${figures(value / 1000 ** place)} ${units[place]}`;
  }

  const share = (value) => (isNumber(value) ? value.toFixed(3) : MISSING);
  const interval = (low, high) => (isNumber(low) && isNumber(high) ? `${share(low)} to ${share(high)}` : MISSING);
  const times = (value) => (isNumber(value) ? `${figures(value)} ×` : MISSING);
  const size = (sides) => (sides ? `${sides[0]} × ${sides[1]}` : MISSING);
  const date = (text) => String(text || MISSING).slice(0, 10);

  const SIDES = new Map([["mlx-vlm enabled", "mlx-vlm with saccade"]]);
  const side = (name) => SIDES.get(name) ?? name;

  // Plotly reads some markup in labels: data is shown as it is written.
  const label = (text) =>
    String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  return { MISSING, isNumber, whole, seconds, figures, bytes, share, interval, times, size, date, side, label };
})();
