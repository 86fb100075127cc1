"""Save and load the auxiliary heads of exported weights, which a checkpoint lacks and a resumed run needs."""

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
    """Return the SHA-256 of a checkpoint's weights."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def save_heads(net: Net, folder: Path, path: Path = HEADS) -> None:
    """Write the heads of the weights in `folder`, in float16."""
    heads = {name: value.half().contiguous() for name, value in net.state_dict().items() if name.startswith(PREFIX)}
    write_atomically(path, save(heads, metadata={"weights": digest(folder)}))


@torch.no_grad()
def load_heads(net: Net, folder: Path, path: Path = HEADS) -> bool:
    """Load the heads of the weights in `folder` into `net`; return False if the file has others or they do not fit."""
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
