"""Image preparation for mlx-vlm: `enable(model, processor, budget=1280)` and `disable()`."""

from mlx_saccade.integrations.mlx_vlm.frames import frames
from mlx_saccade.integrations.mlx_vlm.processor import ImageProcessor as ImageProcessor
from mlx_saccade.integrations.mlx_vlm.switch import disable, enable

__all__ = ["disable", "enable", "frames"]
