"""Load MNIST from the file of `download_mnist`, scaled as by the lab's ``ToTensor``."""

from pathlib import Path
from typing import NamedTuple

import torch

from descent.files import read_tensors


class Split(NamedTuple):
    """Images and their labels, on one device."""

    images: torch.Tensor  # [n, 784], grey levels in [0, 1]
    labels: torch.Tensor  # [n], int64, 0 to 9


def load(path: Path, split: str, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32) -> Split:
    """Load the split ``train`` or ``test`` onto ``device``.

    Pixels are scaled from 0..255 to [0, 1], as by ``torchvision.transforms.ToTensor``, and not normalized further.
    This happens on the CPU: CUDA would multiply by 1/255, which rounds differently.
    """
    tensors = read_tensors(path)
    images, labels = tensors[f"{split}_images"], tensors[f"{split}_labels"]  # [n, 28, 28] and [n], uint8
    return Split(images.flatten(1).to(dtype).div_(255).to(device), labels.long().to(device))
