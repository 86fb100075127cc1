"use strict";
// What every runtime makes of one image: size, tokens, cost and the setting to change; windows and tokens on the image.

saccade.views = { ...saccade.views, runtimes: (() => {
  const { make, note, missing } = saccade.dom;
  const { whole, figures, size: sizeText, bytes } = saccade.format;
  const { families, runtimes } = saccade.data.arithmetic;
  const ALL = "all";
  let picture = null; // the dropped image; it stays in the page

  const familyNamed = (name) => families.find((one) => one.name === name);
  const rowName = (runtime) => `${runtime.name} ${runtime.versions}`;

  function start(state) {
    const { select, pixels, bar } = saccade.controls;
    const names = ["qwen2.5-vl", ...families.map((one) => one.name).filter((name) => name !== "qwen2.5-vl")];
    const width = pixels("Image width, px", "w", 3840, state);
    const height = pixels("Image height, px", "h", 2160, state);
    const controls = bar(width, height,
      select("Family", "family", [...names.map((name) => [name, name]), [ALL, "all families"]], state),
      select("Draw as seen by", "draw", [["1280", "mlx-saccade, 1,280 tokens"],
        ...runtimes.map((runtime, place) => [`r${place}`, rowName(runtime)])], state),
      fileControl(state, width, height));
    const area = make("div", { class: "drop" }, controls, note("Or drop a screenshot here. It stays in this page."));
    listen(area, (file) => open(file, state, width, height));
    return { controls: area, draw: () => draw(state) };
  }

  function fileControl(state, width, height) {
    const input = make("input", { type: "file", accept: "image/*",
      onchange: () => input.files[0] && open(input.files[0], state, width, height) });
    return saccade.controls.labeled("Screenshot (stays in this page)", input);
  }

  function listen(area, take) {
    area.addEventListener("dragover", (event) => {
      event.preventDefault();
      area.classList.add("over");
    });
    area.addEventListener("dragleave", () => area.classList.remove("over"));
    area.addEventListener("drop", (event) => {
      event.preventDefault();
      area.classList.remove("over");
      if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
    });
  }

  function open(file, state, width, height) {
    const image = new Image();
    image.onload = () => {
      URL.revokeObjectURL(image.src);
      picture = image;
      width.querySelector("input").value = image.naturalWidth;
      height.querySelector("input").value = image.naturalHeight;
      state.set("w", String(image.naturalWidth), "3840");
      state.set("h", String(image.naturalHeight), "2160");
    };
    image.onerror = () => {
      URL.revokeObjectURL(image.src);
      picture = null;
      state.problem = `${file.name}: the browser cannot show this file as an image. Drop a PNG or JPEG.`;
      state.set("w", state.params.w ?? "3840", "3840");
      state.problem = null;
    };
    image.src = URL.createObjectURL(file);
  }

  function draw(state) {
    const { pixelsOf } = saccade.controls;
    const size = [pixelsOf(state, "w", 3840), pixelsOf(state, "h", 2160)];
    if (Math.max(...size) / Math.min(...size) > saccade.resize.MAX_RATIO)
      return [missing(`An image of ${sizeText(size)} px: one side is over ${saccade.resize.MAX_RATIO} times the other, ` +
        "which the models refuse. Crop it first.")];
    const name = state.params.family ?? "qwen2.5-vl";
    const selection = name === ALL ? families : [familyNamed(name)];
    return [state.problem ? missing(state.problem) : null, ...selection.map((family) => drawing(size, family, state)),
      ...selection.map((family) => table(size, family))];
  }

  // -- the table

  function table(size, family) {
    const base = saccade.resize.planTokens(size, family, 1280);
    const rows = runtimes.flatMap((runtime) => {
      const limits = runtime.families.find((one) => one.family === family.name);
      return limits === undefined ? [] : [{ runtime, limits, plan: saccade.resize.surveyRow(size, family, limits) }];
    });
    const caption = `${family.name}, ${sizeText(size)} px: what each runtime sends to the model`;
    return make("div", {}, saccade.table.table(`runtimes-${family.name}`, caption, [
      { name: "runtime", value: (row) => row.runtime.name },
      { name: "tokens", value: (row) => row.plan?.tokens, text: whole },
      { name: "resized", value: (row) => row.plan && sizeText(row.plan.resized) },
      { name: "versions", value: (row) => row.runtime.versions, left: true },
      { name: "cost: times 1,280 tokens", value: (row) => row.plan && base && row.plan.tokens / base.tokens,
        text: figures },
      { name: "patches, bytes", value: (row) => row.plan?.patchBytes, text: bytes },
      { name: "setting to change", value: (row) => row.limits.setting, left: true },
      { name: "differs from the reference", value: (row) => row.runtime.note, left: true },
      { name: "source", value: (row) => row.runtime.source +
        (row.runtime.confidence === "issue" ? " (a public thread)" : ""), left: true },
    ], rows), note("Sizes are by the reference's arithmetic within each runtime's limits; a dash is unknown."));
  }

  // -- the drawing

  function planOf(size, family, state) {
    const key = state.params.draw ?? "1280";
    if (key === "1280") return saccade.resize.planTokens(size, family, 1280);
    const limits = runtimes[Number(key.slice(1))].families.find((one) => one.family === family.name);
    return saccade.resize.surveyRow(size, family, limits);
  }

  function drawing(size, family, state) {
    const plan = planOf(size, family, state);
    if (plan === null) return missing(`${family.name}: no size is known for that choice, or the image does not fit.`);
    const windows = plan.windows === null ? "no windows" : `${whole(plan.windows.count)} attention windows`;
    const text = `${family.name}: ${sizeText(plan.resized)} px, ${plan.columns} × ${plan.rows} = ` +
      `${whole(plan.tokens)} tokens, ${windows}`;
    const canvas = make("canvas", { role: "img", "aria-label": text });
    paint(canvas, plan, family);
    const legend = plan.windows === null ? "Thin lines are tokens." : "Thin lines are tokens, thick ones windows.";
    return make("figure", {}, make("figcaption", {}, make("h3", {}, text), make("p", {}, legend +
      (plan.columns > 120 ? " Tokens are too many to be drawn one by one." : ""))), canvas);
  }

  function paint(canvas, plan, family) {
    const scale = Math.min(1, 1200 / plan.resized[0], 900 / plan.resized[1]);
    [canvas.width, canvas.height] = plan.resized.map((side) => Math.max(1, Math.round(side * scale)));
    const context = canvas.getContext("2d");
    if (picture) context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    else {
      context.fillStyle = saccade.chart.style("--panel");
      context.fillRect(0, 0, canvas.width, canvas.height);
    }
    const token = family.factor * scale;
    if (plan.columns <= 120) lines(context, canvas, token, 1, saccade.chart.style("--soft"));
    if (plan.windows !== null) lines(context, canvas, token * plan.windows.side, 2.5, saccade.chart.style("--series-2"));
  }

  function lines(context, canvas, step, width, color) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.beginPath();
    for (let x = step; x < canvas.width - 0.5; x += step) {
      context.moveTo(x, 0);
      context.lineTo(x, canvas.height);
    }
    for (let y = step; y < canvas.height - 0.5; y += step) {
      context.moveTo(0, y);
      context.lineTo(canvas.width, y);
    }
    context.stroke();
  }

  return { title: "Runtimes", start,
    lead: "What each runtime makes of your image by default, and the setting that changes it." };
})() };
