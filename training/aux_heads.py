"""The helper heads of exported weights: a checkpoint has none, and a run that goes on would have to learn them anew."""

import hashlib
from pathlib import Path
from typing import Final

import torch
from safetensors import safe_open
from safetensors.torch import save

from mlx_saccade.files import write_atomically
from model import Net

HEADS: Final = Path(__file__).resolve().parent / "aux_heads.safetensors"
PREFIX: Final = "aux."


def digest(folder: Path) -> str:
    """SHA-256 of a checkpoint's weights."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def keep(net: Net, folder: Path, path: Path = HEADS) -> None:
    """Write the heads that go with the weights in `folder`, in float16."""
    heads = {name: value.half().contiguous() for name, value in net.state_dict().items() if name.startswith(PREFIX)}
    write_atomically(path, save(heads, metadata={"weights": digest(folder)}))


@torch.no_grad()
def take(net: Net, folder: Path, path: Path = HEADS) -> bool:
    """Give `net` the heads kept for the weights in `folder`; False where those kept belong to others or do not fit."""
    if not path.exists():
        return False
    here = net.state_dict()
    with safe_open(path, framework="pt") as stored:
        if (stored.metadata() or {}).get("weights") != digest(folder):
            return False
        names = list(stored.keys())
        heads = {name: stored.get_tensor(name) for name in names}
    if any(name not in here or here[name].shape != value.shape for name, value in heads.items()):
        return False
    for name, value in heads.items():
        here[name].copy_(value)
    return True
