"use strict";
// Labeled controls. Each has a key of the view's parameters, which are part of the address.

saccade.controls = (() => {
  const { make } = saccade.dom;
  let count = 0;

  function labeled(label, control) {
    control.id = `control-${(count += 1)}`;
    return make("div", { class: "control" }, make("label", { for: control.id }, label), control);
  }

  // options: [value, text] pairs. The state's value, or else the first option's, is selected.
  function select(label, key, options, state) {
    const values = options.map(([value]) => value);
    if (!values.includes(state.params[key])) delete state.params[key];
    const current = state.params[key] ?? values[0];
    const control = make("select", { onchange: () => state.set(key, control.value, values[0]) },
      options.map(([value, text]) => make("option", { value, selected: value === current }, text)));
    return labeled(label, control);
  }

  function radios(legend, key, options, state) {
    const values = options.map(([value]) => value);
    if (!values.includes(state.params[key])) delete state.params[key];
    const current = state.params[key] ?? values[0];
    const name = `radios-${(count += 1)}`;
    return make("fieldset", { class: "control" }, make("legend", {}, legend), options.map(([value, text]) =>
      make("label", {}, make("input", { type: "radio", name, value, checked: value === current,
        onchange: () => state.set(key, value, values[0]) }), text)));
  }

  // A whole number of pixels from 1 to 100,000; anything else is said beside the field and changes nothing.
  function pixels(label, key, fallback, state) {
    const control = make("input", { type: "number", min: 1, max: 100000, step: 1, inputmode: "numeric",
      value: state.params[key] ?? fallback, oninput: () => {
        const valid = control.value !== "" && control.checkValidity();
        control.setAttribute("aria-invalid", String(!valid));
        if (valid) state.set(key, control.value, String(fallback));
      } });
    return labeled(label, control);
  }

  // The parameter as a number of pixels; the fallback if the address has something else.
  function pixelsOf(state, key, fallback) {
    const text = state.params[key] ?? String(fallback);
    const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
    if (value >= 1 && value <= 100000) return value;
    delete state.params[key];
    return fallback;
  }

  const bar = (...controls) => make("form", { class: "controls", onsubmit: (event) => event.preventDefault() },
    ...controls);

  return { select, radios, pixels, pixelsOf, bar, labeled };
})();
