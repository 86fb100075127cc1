"""Load initial weights from another run or an exported checkpoint, whose tokens may be others."""

from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

import aux_heads
import vocabulary
from model import Net

BY_TOKEN: Final = ("model.embed_tokens.weight", "lm_head.weight")
PATCHES: Final = "visual.patch_embed.proj.weight"


def exported(folder: Path) -> dict[str, Tensor]:
    """Return the tensors of an exported checkpoint as float32, under the network's own names and shapes."""
    stored = {name: value.float() for name, value in load_file(folder / "model.safetensors").items()}
    stored[PATCHES] = stored[PATCHES].sum(2).flatten(1)  # a still's two frames are one here
    return stored


@torch.no_grad()
def adopt(net: Net, folder: Path) -> list[str]:
    """Start from an exported checkpoint: rows of tokens go where this vocabulary has them.

    Returns the tokens that start fresh. Helper heads, which no checkpoint has, are left alone. Raises ValueError
    where the folder holds another network.
    """
    stored = exported(folder)
    old = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    new = vocabulary.build().get_vocab()
    kept = [text for text in new if text in old]
    mine, theirs = torch.tensor([new[text] for text in kept]), torch.tensor([old[text] for text in kept])
    for name, value in net.state_dict().items():
        if name.startswith("aux."):
            continue
        if name not in stored or (name not in BY_TOKEN and stored[name].shape != value.shape):
            raise ValueError(f"{folder} does not fit this network: {name}")
        if name in BY_TOKEN:
            value[mine] = stored[name][theirs]
        else:
            value.copy_(stored[name])
    return sorted(set(new) - set(old))


def restore(net: Net, source: Path) -> str:
    """Load a folder (an exported checkpoint) or a file (a run's state); return a sentence for the log."""
    if source.is_dir():
        fresh = adopt(net, source)
        heads = "with their auxiliary heads" if aux_heads.load_heads(net, source) else "new auxiliary heads"
        return f"starting from {source}, {len(fresh)} new tokens, {heads}"
    state = torch.load(source, weights_only=True)["net"]
    here = net.state_dict()
    fitting = {name: value for name, value in state.items() if here[name].shape == value.shape}
    net.load_state_dict(fitting, strict=False)
    return f"starting from {source}, {len(here) - len(fitting)} tensors new"
