"use strict";
// The arithmetic of mlx_saccade.smart_resize, plan and runtimes.survey, on doubles as in Python: the tests compare both.

saccade.resize = (() => {
  const MAX_RATIO = 200;

  // Python's round(): half to even.
  function roundHalfEven(value) {
    const low = Math.floor(value);
    const rest = value - low;
    if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
    return low % 2 === 0 ? low : low + 1;
  }

  // [width, height] within limits on their product; null if the ratio of the sides is over 200.
  function smartResize([width, height], factor, minPixels, maxPixels) {
    if (Math.max(width, height) / Math.min(width, height) > MAX_RATIO) return null;
    const sides = (round) => [round(width) * factor, round(height) * factor];
    const rounded = sides((side) => roundHalfEven(side / factor));
    const area = rounded[0] * rounded[1];
    if (area > maxPixels) {
      const beta = Math.sqrt((height * width) / maxPixels);
      return sides((side) => Math.max(1, Math.floor(side / beta / factor)));
    }
    if (area < minPixels) {
      const beta = Math.sqrt(minPixels / (height * width));
      return sides((side) => Math.ceil((side * beta) / factor));
    }
    return rounded;
  }

  // Attention windows of a grid of columns x rows tokens, and their side in tokens; null for a family without.
  function windowsOf(family, columns, rows) {
    if (family.window === null) return null;
    const side = Math.max(1, Math.floor(Math.floor(family.window / family.merge) / family.patch));
    return { side, count: Math.ceil(columns / side) * Math.ceil(rows / side) };
  }

  // The plan within limits; null if the image does not fit or its ratio is over 200.
  function planWithin(size, family, minPixels, maxPixels) {
    const resized = smartResize(size, family.factor, minPixels, maxPixels);
    return resized === null || resized[0] * resized[1] > maxPixels ? null : described(size, family, resized);
  }

  function described(size, family, resized) {
    const columns = resized[0] / family.factor;
    const rows = resized[1] / family.factor;
    const patches = columns * rows * family.merge ** 2;
    return {
      size, resized, columns, rows, tokens: columns * rows, windows: windowsOf(family, columns, rows),
      patchBytes: patches * 3 * family.patch ** 2,
    };
  }

  // The largest lower limit, in whole tokens, with which an image fits; 1 token if none does.
  function largestLeast(size, family, maxPixels) {
    const area = family.factor ** 2;
    let [low, high] = [1, Math.max(1, Math.floor(maxPixels / area))];
    while (low < high) {
      const middle = Math.floor((low + high + 1) / 2);
      if (planWithin(size, family, middle * area, maxPixels) === null) high = middle - 1;
      else low = middle;
    }
    return low * area;
  }

  // The plan under a budget in tokens, to which the family's least gives way.
  function planTokens(size, family, budget) {
    const most = budget * family.factor ** 2;
    const plan = planWithin(size, family, Math.min(family.min_pixels, most), most);
    return plan ?? planWithin(size, family, largestLeast(size, family, most), most);
  }

  const planCheckpoint = (size, family) => planWithin(size, family, family.min_pixels, family.max_pixels);

  // The size to which a runtime's limits apply: fitted into a square first, where it does that.
  function fitted(size, limits) {
    const scale = limits.fit === null ? 1 : limits.fit / Math.max(...size);
    if (scale === 1 || (scale > 1 && !limits.enlarges)) return size;
    return size.map((side) => Math.max(1, roundHalfEven(side * scale)));
  }

  // A runtime's result, which may exceed its limits as the reference's does; null where the limits are unknown.
  function surveyRow(size, family, limits) {
    if (limits === undefined || limits.min_pixels === null) return null;
    const resized = smartResize(fitted(size, limits), family.factor, limits.min_pixels, limits.max_pixels);
    return resized === null ? null : described(size, family, resized);
  }

  return { MAX_RATIO, roundHalfEven, smartResize, planTokens, planCheckpoint, surveyRow };
})();
