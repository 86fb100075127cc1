"""Plans, limits, patches and positions: what an image becomes before a model sees it."""
