"""Show that mlx-vlm's prompt cache answers about an earlier image of the same size. Needs mlx-vlm alone.

python prompt_cache.py [CHECKPOINT]      # of Qwen2-VL, Qwen2.5-VL or Qwen3-VL
"""

import sys

import mlx.core as mx
from mlx_vlm import load, stream_generate
from mlx_vlm.generate.common import PromptCacheState
from mlx_vlm.prompt_utils import apply_chat_template
from PIL import Image

checkpoint = sys.argv[1] if len(sys.argv) > 1 else "mlx-community/Qwen2.5-VL-3B-Instruct-4bit"
model, processor = load(checkpoint)
first, second = Image.effect_noise((448, 336), 90).convert("RGB"), Image.new("RGB", (448, 336), "red")


def ask(image, question, state=None):
    """Return the reused tokens and the log probabilities of the first new token."""
    prompt = apply_chat_template(processor, model.config, question, num_images=1)
    chunks = list(
        stream_generate(
            model, processor, prompt, image=[image], max_tokens=4, temperature=0.0, prompt_cache_state=state
        )
    )
    return chunks[0].cached_tokens, chunks[0].logprobs.astype(mx.float32)


def distance(one, other):
    """Return the largest difference of two log probabilities."""
    return mx.abs(one - other).max().item()


_, of_first = ask(first, "What color is it?")
_, of_second = ask(second, "What color is it?")
state = PromptCacheState()
ask(first, "What is this?", state)
cached, continued = ask(second, "What color is it?", state)  # another image
print(f"tokens reused from the first image: {cached}")
print(f"distance to the right answer, about the second image: {distance(continued, of_second):.3f}")
print(f"distance to the answer about the first image:         {distance(continued, of_first):.3f}")
print("FAULT: the second image was not looked at" if cached and not distance(continued, of_first) > 0.1 else "no fault")
