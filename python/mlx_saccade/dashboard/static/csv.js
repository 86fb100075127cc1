"use strict";
// Tables as CSV files, made in the page.

saccade.csv = (() => {
  // A text that begins like a formula gets an apostrophe, or a spreadsheet would run it.
  function cell(value) {
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return String(value);
    const text = String(value);
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }

  const text = (rows) => rows.map((row) => row.map(cell).join(",") + "\r\n").join("");

  function download(name, rows) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text(rows)], { type: "text/csv;charset=utf-8" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  return { text, download };
})();
