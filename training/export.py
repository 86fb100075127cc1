"""Write a trained network as an ordinary Hugging Face checkpoint: without auxiliary heads, float16, classic keys.

python training/export.py run/latest.pt python/mlx_saccade/assets/tiny --heads
"""

import argparse
import json
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save
from torch import Tensor

import aux_heads
import vocabulary
from init_weights import exported
from mlx_saccade.files import write_atomically
from model import Net, Shape

MOST_TOKENS: Final = 256
MEAN: Final = [0.48145466, 0.4578275, 0.40821073]
STD: Final = [0.26862954, 0.26130258, 0.27577711]

CHAT_TEMPLATE: Final = """\
{%- if messages[0]['role'] != 'system' -%}
<|im_start|>system
You are a helpful assistant.<|im_end|>
{% endif -%}
{%- for message in messages -%}
<|im_start|>{{ message['role'] }}
{% if message['content'] is string -%}
{{ message['content'] }}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' or 'image' in part or 'image_url' in part -%}
<|vision_start|><|image_pad|><|vision_end|>
{%- elif part['type'] == 'video' or 'video' in part -%}
<|vision_start|><|video_pad|><|vision_end|>
{%- elif 'text' in part -%}
{{ part['text'] }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}
"""


def tensors(net: Net) -> dict[str, Tensor]:
    """Return the checkpoint's tensors in float16; raise OverflowError if a weight does not fit."""
    out: dict[str, Tensor] = {}
    for name, value in net.state_dict().items():
        if name.startswith("aux."):
            continue
        if name == "visual.patch_embed.proj.weight":
            # Training saw one frame; the reference feeds a still image twice, so each half gets half of the weight.
            frame = value.view(-1, 3, 1, 14, 14) / 2
            value = frame.expand(-1, -1, 2, -1, -1)
        half = value.to(torch.float16).contiguous()
        if not torch.isfinite(half).all():
            raise OverflowError(f"{name} has values beyond float16: up to {value.abs().max():g}")
        out[name] = half
    return out


def config(shape: Shape, ids: dict[str, int]) -> dict[str, Any]:
    """Return config.json in the flat form that every reader of Qwen2.5-VL knows."""
    return {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "model_type": "qwen2_5_vl",
        "hidden_size": shape.width,
        "intermediate_size": shape.inner,
        "num_hidden_layers": shape.depth,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "hidden_act": "silu",
        "rms_norm_eps": shape.eps,
        "max_position_embeddings": 32768,
        "max_window_layers": shape.depth,
        "use_sliding_window": False,
        "sliding_window": 32768,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "use_cache": True,
        "vocab_size": shape.vocabulary,
        "rope_theta": shape.rope_theta,
        "rope_scaling": {"type": "mrope", "mrope_section": list(shape.mrope_section)},
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
        "vision_token_id": ids["<|vision_pad|>"],
        "vision_config": {
            "model_type": "qwen2_5_vl",
            "depth": shape.vision_depth,
            "hidden_act": "silu",
            "hidden_size": shape.vision_width,
            "intermediate_size": shape.vision_inner,
            "num_heads": shape.vision_heads,
            "in_channels": 3,
            "in_chans": 3,
            "out_hidden_size": shape.width,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "spatial_patch_size": 14,
            "temporal_patch_size": 2,
            "tokens_per_second": 2,
            "window_size": 112,
            "fullatt_block_indexes": list(shape.full_attention),
        },
    }


def companions(shape: Shape, ids: dict[str, int]) -> dict[str, dict[str, Any]]:
    """Return the small JSON files beside the weights."""
    return {
        "config.json": config(shape, ids),
        "generation_config.json": {
            "bos_token_id": ids["<|endoftext|>"],
            "pad_token_id": ids["<|endoftext|>"],
            "eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]],
            "do_sample": False,
        },
        "preprocessor_config.json": {
            "image_processor_type": "Qwen2VLImageProcessor",
            "processor_class": "Qwen2_5_VLProcessor",
            "min_pixels": 3136,
            "max_pixels": MOST_TOKENS * 784,
            "patch_size": 14,
            "merge_size": 2,
            "temporal_patch_size": 2,
            "image_mean": MEAN,
            "image_std": STD,
        },
        "tokenizer_config.json": {
            # The base class: Qwen's own would put its pre-tokenizer in place of ours and split numbers into digits.
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            "bos_token": None,
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "unk_token": None,
            "model_max_length": 32768,
            "additional_special_tokens": list(vocabulary.SPECIAL[1:]),
        },
    }


def export(net: Net, folder: Path) -> int:
    """Write the checkpoint into `folder`, each file atomically; return the bytes of its files.

    Whoever has the old weights mapped keeps them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = vocabulary.build()
    ids = {text: tokenizer.token_to_id(text) for text in vocabulary.SPECIAL}
    contents = {name: json.dumps(content, indent=2) + "\n" for name, content in companions(net.shape, ids).items()}
    contents |= {"chat_template.jinja": CHAT_TEMPLATE, "tokenizer.json": tokenizer.to_str(pretty=True)}
    weights = save(tensors(net), metadata={"format": "pt"})  # raises, if at all, before anything is replaced
    for name, text in contents.items():
        write_atomically(folder / name, text.encode())
    write_atomically(folder / "model.safetensors", weights)
    return sum(path.stat().st_size for path in folder.iterdir())


def load(path: Path) -> Net:
    """Read the network of a training run's state file."""
    state = torch.load(path, weights_only=True)
    net = Net(Shape(vocabulary.build().get_vocab_size()))
    net.load_state_dict(state["net"])
    return net.eval()


def read(folder: Path) -> Net:
    """Read an exported checkpoint back, with the weights in their stored type."""
    net = Net(Shape(vocabulary.build().get_vocab_size()))
    stored = exported(folder)
    missing, unknown = net.load_state_dict(stored, strict=False)
    if unknown or any(not name.startswith("aux.") for name in missing):
        raise ValueError(f"{folder} is no checkpoint of this network: missing {missing}, unknown {unknown}")
    return net.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("state", type=Path, help="latest.pt of a training run")
    parser.add_argument("folder", type=Path, help="where the checkpoint goes")
    parser.add_argument(
        "--heads", action="store_true", help=f"write {aux_heads.HEADS.name}, for runs that go on from it"
    )
    arguments = parser.parse_args()
    net = load(arguments.state)
    print(f"{export(net, arguments.folder):,} bytes")
    if arguments.heads:
        aux_heads.save_heads(net, arguments.folder)


if __name__ == "__main__":
    main()
