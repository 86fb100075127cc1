"""A linear layer for each of several experts, as one array of weights."""

from __future__ import annotations

from mlx_saccade.backend import mx, nn

__all__ = ["ExpertLinear"]


class ExpertLinear(nn.Module):
    """A linear layer without bias for each of E experts."""

    def __init__(self, experts: int, rows: int, columns: int) -> None:
        super().__init__()
        self.weight = mx.zeros((experts, rows, columns))

    def __call__(self, x: mx.array, experts: mx.array, *, in_order: bool = False) -> mx.array:
        """Apply an expert to each row.

        Args:
            x: [..., 1, columns].
            experts: integers; broadcasts against the leading axes of x.
            in_order: the experts of the rows ascend.

        Returns:
            [..., 1, rows].
        """
        weight = self.weight.swapaxes(-1, -2)
        return mx.gather_mm(x, weight, rhs_indices=experts, sorted_indices=in_order)
