"""Checks of everything that is a ``torch.nn.Module``: devices, dtypes, state, seeds, batches."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from avatar_kit.interfaces import Part, make_room
from avatar_kit.testing.conformance import Conformance, NotApplicable, require

#: Largest difference between two ways to the same result, as a share of its largest value.
TOLERANCE = 1e-4
#: Attributes that belong to the framework or hold what everybody shares.
_SHARED = ("setup", "config", "conditions")


class ModuleConformance(Conformance):
    """Checks of bodies, encoders, renderers and aligners."""

    def build(self) -> Any:
        """A new component with random weights, on the CPU, in evaluation mode."""
        raise TypeError(f"{type(self).__name__} does not say how its component is built")

    def outputs(
        self, module: Any, frames: Sequence[int], dtype: torch.dtype, device: str
    ) -> dict[str, Tensor]:
        """What the component makes of some of the frames of its world, [B, ...] by name."""
        raise TypeError(f"{type(self).__name__} does not say what its component yields")

    def made(self, seed: int = 0) -> Any:
        """A component whose weights come from a seed, on the device of the checks.

        Weights that start at zero are drawn too: behind them every result would be the same.
        """
        torch.manual_seed(seed)
        module = self.build().eval()
        for weight in module.parameters():
            if weight.ndim > 1 and not weight.any():
                torch.nn.init.normal_(weight, std=0.1)
        return module.to(self.device)

    @torch.no_grad()
    def shown(
        self, module: Any, frames: Sequence[int] = (0, 1), dtype: torch.dtype = torch.float32
    ) -> dict[str, Tensor]:
        """:meth:`outputs` without gradients, on the device of the checks."""
        return self.outputs(module, frames, dtype, self.device)

    def test_same_seed_same_result(self) -> None:
        """Built twice from one seed and run twice, the component gives the same numbers."""
        first = self.made(seed=3)
        before = self.shown(first)
        for what, after in (
            ("run twice", self.shown(first)),
            ("built twice from one seed", self.shown(self.made(seed=3))),
        ):
            for name, value in before.items():
                require(
                    torch.equal(value, after[name]),
                    f"{what}, '{name}' differs by {apart(value, after[name]):.1e} of its largest "
                    "value; use torch's global generator when building, and no randomness in "
                    "evaluation mode",
                )

    def test_state_round_trips(self) -> None:
        """A new component that loads the state of another does what the other does."""
        one, other = self.made(seed=1), self.made(seed=2)
        before = self.shown(one)
        state = {k: v.clone() for k, v in one.state_dict().items()}
        other.load_state_dict(state)
        after = self.shown(other)
        for name, value in before.items():
            require(
                torch.equal(value, after[name]),
                f"after load_state_dict '{name}' differs by {apart(value, after[name]):.1e}; what "
                "is random or learned must be a parameter or a persistent buffer",
            )

    def test_sizes_follow_a_saved_state(self) -> None:
        """What ``sized_by_training`` names takes the sizes of a saved state, in place."""
        one = self.made(seed=1)
        sized = sized_tensors(one)
        if not sized:
            raise NotApplicable("names nothing in sized_by_training")
        state = {k: v.clone() for k, v in one.state_dict().items()}
        for name in sized:
            rows = len(state[name])
            require(rows, f"'{name}' has no rows in a new component of the small world")
            state[name] = torch.cat([state[name], state[name][[rows - 1] * 2]])
        other = self.made(seed=2)
        before = {name: id(value) for name, value in named_tensors(other).items()}
        make_room(other, state)
        other.load_state_dict(state)
        tensors = named_tensors(other)
        moved = [name for name, value in tensors.items() if id(value) != before[name]]
        require(not moved, f"{moved[:3]} are other objects after loading: optimisers lose them")
        differ = [name for name in sized if not torch.equal(tensors[name], state[name])]
        require(not differ, f"{differ[:3]} are not as saved")
        for name, value in self.shown(other).items():
            require(value.isfinite().all(), f"with two more rows '{name}' is not finite")

    def test_batch_of_two_is_two_of_one(self) -> None:
        """Frames do not influence one another in evaluation mode."""
        module = self.made()
        together = self.shown(module, (0, 2))
        for at, frame in enumerate((0, 2)):
            alone = self.shown(module, (frame,))
            for name, value in together.items():
                found = apart(value[at : at + 1], alone[name])
                require(
                    found <= TOLERANCE,
                    f"'{name}' of a frame differs by {found:.1e} of its largest value when another "
                    "frame is in the batch",
                )

    def test_dtype_moves(self) -> None:
        """``.double()`` makes it compute in float64, to the same numbers."""
        module = self.made()
        single, double = self.shown(module), self.shown(module.double(), dtype=torch.float64)
        for name, value in single.items():
            wide = double[name]
            require(
                not value.is_floating_point() or wide.dtype == torch.float64,
                f"after .double() '{name}' is {wide.dtype}; make new tensors with new_tensor or "
                "dtype=, and keep constants in buffers",
            )
            found = apart(value.double(), wide.double())
            require(found <= 1e-3, f"in float64 '{name}' differs by {found:.1e} of its largest")

    def test_no_tensor_is_left_behind(self) -> None:
        """Every tensor of the component is a parameter or a buffer, so ``.to`` takes it along."""
        loose = sorted(set(loose_tensors(self.made())))
        require(
            not loose,
            f"{', '.join(loose[:4])}: plain attributes hold tensors, which stay where they are "
            "when the component moves; use register_buffer(name, value, persistent=False)",
        )

    def test_device_moves(self) -> None:
        """On a GPU it computes what it computes on the CPU."""
        if not torch.cuda.is_available():
            raise NotApplicable("no CUDA device here")
        module = self.made().cpu()
        with torch.no_grad():
            here = self.outputs(module, (0, 1), torch.float32, "cpu")
            there = self.outputs(copy.deepcopy(module).cuda(), (0, 1), torch.float32, "cuda")
        for name, value in here.items():
            require(there[name].is_cuda, f"'{name}' is on {there[name].device}, not on the GPU")
            found = apart(value, there[name].cpu())
            require(found <= 1e-2, f"on the GPU '{name}' differs by {found:.1e} of its largest")


def named_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers by the names they have in ``state_dict``."""
    return {name: value for name, value in module.state_dict(keep_vars=True).items()}


def sized_tensors(module: nn.Module) -> list[str]:
    """Names of the tensors whose shape training decides."""
    return [
        f"{path}.{name}" if path else name
        for path, part in module.named_modules()
        if isinstance(part, Part)
        for name in part.sized_by_training
    ]


def apart(a: Tensor, b: Tensor) -> float:
    """Mean difference of two tensors as a share of the larger one's largest value."""
    if a.shape != b.shape:
        return float("inf")
    a, b = a.detach().double(), b.detach().double()
    if not (a.isfinite().all() and b.isfinite().all()):
        return float("inf")
    scale = max(a.abs().max().item(), b.abs().max().item(), 1e-12) if a.numel() else 1.0
    return (a - b).abs().mean().item() / scale if a.numel() else 0.0


def loose_tensors(module: nn.Module) -> Iterator[str]:
    """Dotted names of tensors that are neither parameters nor buffers."""
    for path, part in module.named_modules():
        registered = {"_parameters", "_buffers", "_modules"}
        for name, value in vars(part).items():
            if name not in registered and name not in _SHARED and _holds_tensor(value):
                yield f"{path}.{name}" if path else name


def _holds_tensor(value: Any) -> bool:
    if isinstance(value, Tensor):
        return True
    if isinstance(value, dict):
        return any(_holds_tensor(v) for v in value.values())
    if isinstance(value, (list, tuple)):
        return any(_holds_tensor(v) for v in value)
    if dataclasses.is_dataclass(value):
        return any(_holds_tensor(getattr(value, f.name)) for f in dataclasses.fields(value))
    return False
