"use strict";
// Tables: a caption, headings, a region that scrolls by keyboard, and the same rows as CSV.

saccade.table = (() => {
  const { make } = saccade.dom;
  const { MISSING } = saccade.format;
  const LONG = 40; // characters; a cell with more gets a wider column

  // columns: { name, value(row), text(value) (default as it is), left (default for the first column), raw }.
  // name: of the CSV file. caption: what the table holds.
  function table(name, caption, columns, rows) {
    const head = make("tr", {}, columns.map((column, place) =>
      make("th", { scope: "col", class: isLeft(column, place) ? "left" : null }, column.name)));
    const body = rows.map((row) => make("tr", { class: row.marked ? "marked" : null },
      columns.map((column, place) => cellOf(column, place, row))));
    const scrolled = make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": caption },
      make("table", {}, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, body)));
    const button = make("button", { type: "button", class: "csv", "aria-label": `Download CSV: ${caption}`,
      onclick: () => saccade.csv.download(`${name}.csv`, records(columns, rows)) }, "Download CSV");
    return make("div", { class: "table" }, scrolled, rows.length ? button : null);
  }

  const isLeft = (column, place) => column.left ?? place === 0;

  function cellOf(column, place, row) {
    const value = column.value(row);
    const isMissing = value === null || value === undefined || value === "";
    const text = isMissing ? MISSING : column.text ? column.text(value, row) : String(value);
    const kind = isLeft(column, place) ? (text.length > LONG ? "left long" : "left") : null;
    return make(place === 0 ? "th" : "td", { scope: place === 0 ? "row" : null, class: kind }, text);
  }

  function records(columns, rows) {
    return [columns.map((column) => column.name), ...rows.map((row) => columns.map((column) => column.value(row)))];
  }

  return { table, records };
})();
