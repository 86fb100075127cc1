"""mlx-saccade inside mlx-vlm: exact, fast preparation of images, budgets in tokens, and boxes in source pixels.

import mlx_saccade.integrations.mlx_vlm as fast

fast.enable(budget=1280)                     # every model that mlx-vlm loads from now on, or
fast.enable(model, processor, budget=1280)   # this one
result = mlx_vlm.generate(model, processor, prompt, image=["shot.png"])
fast.read(result.text).boxes                 # in pixels of shot.png
fast.disable()                               # every attribute as it was
"""

from mlx_saccade.integrations.mlx_vlm.locating import locate, read
from mlx_saccade.integrations.mlx_vlm.prepared import frames
from mlx_saccade.integrations.mlx_vlm.processor import ImageProcessor as ImageProcessor
from mlx_saccade.integrations.mlx_vlm.server import Middleware
from mlx_saccade.integrations.mlx_vlm.switch import Enabled, EnabledModel, Status, disable, enable, status

__all__ = ["Enabled", "EnabledModel", "Middleware", "Status", "disable", "enable", "frames", "locate", "read", "status"]
