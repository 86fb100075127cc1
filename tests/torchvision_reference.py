"""torchvision's antialiased BICUBIC on uint8 images, in NumPy: the plain form of backend "torchvision"."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Fixed = tuple[NDArray[np.int64], int]


def exact_weights(samples: int, new_samples: int) -> NDArray[np.float64]:
    """Return the exact weight of each input sample of an axis, [new_samples, samples]."""
    scale = samples / new_samples
    stretch = max(scale, 1.0)
    weights = np.zeros((new_samples, samples))
    for o in range(new_samples):
        center = scale * (o + 0.5)
        first = max(int(center - 2 * stretch + 0.5), 0)
        end = min(int(center + 2 * stretch + 0.5), samples)
        distance = np.abs((np.arange(first, end) - center + 0.5) * (1.0 / stretch))
        inner = (1.5 * distance - 2.5) * distance * distance + 1.0
        outer = (((distance - 5.0) * distance + 8.0) * distance - 4.0) * -0.5
        kernel = np.where(distance < 1.0, inner, np.where(distance < 2.0, outer, 0.0))
        total = 0.0
        for value in kernel:  # in order: NumPy's own sum adds in pairs
            total += float(value)
        weights[o, first:end] = kernel / (total if total != 0.0 else 1.0)
    return weights


def rounded(weights: NDArray[np.float64], bits: int) -> NDArray[np.int64]:
    """Return weights in units of 2^-bits, halves away from zero."""
    scaled = weights * 2.0**bits
    return np.trunc(np.where(scaled < 0, scaled - 0.5, scaled + 0.5)).astype(np.int64)


def torchvision_bits(weights: NDArray[np.float64]) -> int:
    """Return the most fraction bits, at most 22, with which the largest weight of the axis is below 2^15."""
    return max(bits for bits in range(23) if bits == 0 or rounded(weights.max(keepdims=True), bits) < 2**15)


def fixed_weights(weights: NDArray[np.float64]) -> Fixed:
    """Return torchvision's weights of an axis in fixed point, and their fraction bits."""
    bits = torchvision_bits(weights)
    return rounded(weights, bits), bits


def resize(
    image: NDArray[np.uint8],
    size: tuple[int, int],
    fix: Callable[[NDArray[np.float64]], Fixed] = fixed_weights,
) -> NDArray[np.uint8]:
    """Return a resized image: columns first, bytes between the passes, and no pass where a side stays.

    Args:
        image: uint8 [height, width, 3].
        size: (width, height) of the result.
        fix: function from the exact weights of an axis to fixed-point weights and their fraction bits.
    """
    for axis, side in ((1, size[0]), (0, size[1])):
        if side == image.shape[axis]:
            continue
        weights, bits = fix(exact_weights(image.shape[axis], side))
        # In doubles, which hold these sums exactly and multiply faster than NumPy's integers.
        sums = np.tensordot(weights.astype(float), image.astype(float), axes=([1], [axis])).astype(np.int64)
        image = np.moveaxis(((sums + (1 << bits >> 1)) >> bits).clip(0, 255).astype(np.uint8), 0, axis)
    return np.ascontiguousarray(image)


def normalized(pixels: NDArray[np.uint8], mean: object, std: object) -> NDArray[np.float32]:
    """Return normalized values (channels last), with the division by 255 in the constants."""
    scale = np.float32(255)
    scaled: NDArray[np.float32] = pixels.astype(np.float32)
    return (scaled - np.array(mean, np.float32) * scale) / (np.array(std, np.float32) * scale)
