"""saccade's image preparation inside mlx-vlm: `enable(model, processor, budget=1280)`, `disable()`."""

from mlx_saccade.integrations.mlx_vlm.processor import ImageProcessor, disable, enable

__all__ = ["ImageProcessor", "disable", "enable"]
