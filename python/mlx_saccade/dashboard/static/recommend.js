"use strict";
// The arithmetic of mlx_saccade.recommend: the published table's row for a target, and the budget that follows.

saccade.recommend = (() => {
  const { planTokens, planCheckpoint } = saccade.resize;

  const rowOf = (rows, share) => rows.find((row) => share > row.above);

  // target, size: [width, height] in source pixels. Null if the target is not inside or the image does not fit.
  function recommend(target, size, family) {
    if (!(target[0] > 0 && target[1] > 0 && target[0] <= size[0] && target[1] <= size[1])) return null;
    const own = planCheckpoint(size, family);
    if (own === null) return null;
    const share = (target[0] * target[1]) / (size[0] * size[1]);
    const row = rowOf(saccade.data.arithmetic.recommend.rows, share);
    const least = Math.ceil(family.min_pixels / family.factor ** 2);
    const budget = Math.max(Math.min(row.budget, own.tokens), least);
    const plan = planTokens(size, family, budget);
    if (plan === null) return null;
    const shorter = Math.min(target[0] / (size[0] / plan.resized[0]), target[1] / (size[1] / plan.resized[1]));
    return { share, row, budget, capped: budget < row.budget, plan, shorter, zoom: row.zoom };
  }

  return { recommend, rowOf };
})();
