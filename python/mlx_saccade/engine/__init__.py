"""Answer questions about images: media, plan, patches, network and grounding in one call.

engine = mlx_saccade.load()
answer = engine.locate("screen.png", "the red round button")
answer.boxes[0].xyxy        # in pixels of screen.png
"""

from mlx_saccade.engine.answer import Answer, Candidate, Chunk, FrameInfo, Look
from mlx_saccade.engine.engine import Engine
from mlx_saccade.engine.loading import load

__all__ = ["Answer", "Candidate", "Chunk", "Engine", "FrameInfo", "Look", "load"]
