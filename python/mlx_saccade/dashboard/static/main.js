"use strict";
// The views and their addresses: #view?name=value. A view that fails says so and leaves the others alone.

saccade.main = (() => {
  const { make, replace, missing } = saccade.dom;
  const host = document.getElementById("view");
  let updateShown = () => {};
  const order = ["latency", "accuracy", "runtimes", "history", "peers", "machines"];

  function parse(hash) {
    const [name, query = ""] = hash.replace(/^#/, "").split("?", 2);
    return { name: order.includes(name) ? name : order[0], params: Object.fromEntries(new URLSearchParams(query)) };
  }

  function address(name, params) {
    const query = new URLSearchParams(params).toString();
    return `#${name}${query ? `?${query}` : ""}`;
  }

  // What a view is given: its parameters, and `set`, which changes one, the address and what the view shows.
  function stateOf(name, params, update) {
    return {
      params,
      set(key, value, fallback) {
        if (value === fallback) delete params[key];
        else params[key] = value;
        history.replaceState(null, "", address(name, params));
        update();
      },
    };
  }

  function show(isFirst) {
    const { name, params } = parse(location.hash);
    const view = saccade.views[name];
    const output = make("div", { class: "output" });
    const heading = make("h2", { tabindex: "-1", id: "view-title" }, view.title);
    let update = () => {};
    updateShown = () => update();
    const state = stateOf(name, params, () => update());
    try {
      const { controls, draw } = view.start(state);
      update = () => guarded(output, () => replace(output, draw()));
      replace(host, heading, make("p", { class: "lead" }, view.lead), controls, output);
      update();
    } catch (error) {
      replace(host, heading, failure(error));
    }
    for (const link of document.querySelectorAll("nav a")) {
      if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${view.title} · mlx-saccade dashboard`;
    if (!isFirst) heading.focus();
  }

  function guarded(output, work) {
    try {
      work();
    } catch (error) {
      replace(output, failure(error));
    }
  }

  function failure(error) {
    console.error(error);
    return missing(`This view cannot be shown: ${error.message}.`);
  }

  // A link to #main would replace the view's address.
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  });
  // Charts and drawings take their colors from the page.
  for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"])
    matchMedia(query).addEventListener("change", () => updateShown());
  addEventListener("hashchange", () => show(false));
  show(true);
  return { parse, address };
})();
