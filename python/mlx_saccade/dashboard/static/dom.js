"use strict";
// Elements of the page. Text from data becomes text nodes only, never markup.

saccade.dom = (() => {
  // make("p", { class: "note" }, "text", element): false, null and undefined attributes and children are left out.
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === false || value === null || value === undefined) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? "" : String(value));
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return element;
  }

  function replace(host, ...children) {
    host.replaceChildren(...children.flat().filter(Boolean));
  }

  const note = (...children) => make("p", { class: "note" }, ...children);
  const missing = (...children) => make("p", { class: "missing" }, ...children);

  return { make, replace, note, missing };
})();
