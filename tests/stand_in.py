"""A strict stand-in for an accelerator, on machines that have none.

Its tensors are plain tensors of a device type of their own, whose numbers lie in the memory of
the host. Every operation on them is carried out by the CPU and gives a tensor of the stand-in
again. As a card would, it refuses tensors of the CPU among its own, and to be read as an array;
unlike a card it counts what is launched, copied, and waited for.

Source: torch's own backends written in Python (`torch/utils/backend_registration.py`); memory is
shared with the CPU through DLPack, whose capsule names the device.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

NAME = "standin"
# What a DLPack capsule calls a CPU, and a device that torch does not know by name.
ON_HOST, ELSEWHERE = 1, 12
CPU = torch.device("cpu")
# Operations that may see tensors of both devices.
COPIES = ("aten::copy_", "aten::_copy_from")
# Operations whose result the host waits for: numbers, and tensors whose shape depends on numbers.
WAITS = (
    "aten::_local_scalar_dense",
    "aten::equal",
    "aten::is_nonzero",
    "aten::masked_select",
    "aten::nonzero",
    "aten::_unique2",
    "aten::unique_dim",
    "aten::unique_consecutive",
)
# A number of the CPU may take part in arithmetic, and not in what joins or multiplies matrices.
JOINING = ("aten::cat", "aten::stack", "aten::_stack")

_alive: list[Any] = []
_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = ctypes.c_void_p
_capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


class Traffic:
    """Counts of what the stand-in did.

    Attributes:
        launches: operations by name, views left out.
        waits: results that the host waited for.
        downloads: copies of more than one number to the host.
        uploads: copies of more than one number from the host.
    """

    def __init__(self) -> None:
        self.launches: Counter[str] = Counter()
        self.waits = self.downloads = self.uploads = 0


_listening: list[Traffic] = []


@contextmanager
def traffic() -> Iterator[Traffic]:
    """Counts what the stand-in does within the block."""
    counted = Traffic()
    _listening.append(counted)
    try:
        yield counted
    finally:
        _listening.remove(counted)


def is_possible() -> bool:
    """Whether this torch takes a backend that is written in Python, and has no card itself.

    torch has one accelerator a process, and would no longer take the card for it.
    """
    takes_one = hasattr(torch.utils.backend_registration, "_setup_privateuseone_for_python_backend")
    return takes_one and not torch.cuda.is_available()


def stand_in() -> torch.device:
    """The device; it is registered when it is first asked for, for the life of the process.

    That must be before the first reverse pass of the process.
    """
    if not _alive:
        torch.utils.backend_registration._setup_privateuseone_for_python_backend(
            NAME, backend_module=_module()
        )
        everything = torch.library.Library("_", "IMPL")
        everything.fallback(_on_host, "PrivateUse1")
        convolutions = torch.library.Library("aten", "IMPL")
        convolutions.impl("convolution_overrideable", _convolution, "PrivateUse1")
        convolutions.impl("convolution_backward_overrideable", _convolution_slopes, "PrivateUse1")
        _alive.extend([everything, convolutions])
        for bit in ("Conjugate", "Negative"):  # they resolve by a copy, which would come back here
            copies = torch.library.Library("aten", "IMPL", bit)
            copies.impl("_copy_from", torch.library.fallthrough_kernel)
            _alive.append(copies)
        _teach_copies()
    return torch.device(NAME, 0)


def _module() -> Any:
    """What torch asks of a module of a device, as `torch.cuda`: random numbers are the CPU's."""
    module = torch.utils.backend_registration._DummyBackendModule()
    module.get_amp_supported_dtype = lambda: [torch.bfloat16]
    module.get_rng_state = lambda device=None: torch.get_rng_state()
    module.set_rng_state = lambda state, device=None: torch.set_rng_state(state)
    module.device = lambda index: contextlib.nullcontext()
    return module


def _tagged(tensor: Tensor, kind: int) -> Tensor:
    """The same memory as a tensor of another device."""
    capsule = torch._C._to_dlpack(tensor)
    # A DLTensor begins with a pointer, the kind of the device, and its number.
    place = _capsule_pointer(capsule, b"dltensor") + ctypes.sizeof(ctypes.c_void_p)
    ctypes.c_int32.from_address(place).value = kind
    ctypes.c_int32.from_address(place + 4).value = 0
    found = torch._C._from_dlpack(capsule)
    found = found.conj() if tensor.is_conj() else found
    return found._neg_view() if tensor.is_neg() else found  # type: ignore[no-any-return]


class _Kind:
    """What the schema of an operation says."""

    def __init__(self, operation: Any) -> None:
        arguments = operation._schema.arguments
        self.name = operation.name().partition(".")[0]
        self.is_view = operation.is_view
        self.places = [i for i, a in enumerate(arguments) if a.is_write]
        self.written = {a.name for a in arguments if a.is_write}


_kind = functools.cache(_Kind)


class _Call:
    """One operation, its arguments brought to the host and its results taken back."""

    def __init__(self, operation: Any, args: Sequence[Any], named: Mapping[str, Any]) -> None:
        self.operation, self.kind = operation, _kind(operation)
        self.shared: list[tuple[Tensor, Tensor]] = []
        self.foreign: list[Tensor] = []
        self.args = [self._lowered(value) for value in args]
        self.named = {name: self._lowered(value) for name, value in named.items()}

    def run(self) -> Any:
        """The result, a tensor of the stand-in but where the CPU was asked for."""
        found = self.operation(*self.args, **self.named)
        for own, host in self.shared:
            if own.shape != host.shape:  # an output that was resized
                own.data = _tagged(host, ELSEWHERE)
        return self._lifted(found)

    def check(self) -> None:
        """Refuses tensors of the CPU, single numbers excepted where a card takes them."""
        outputs = [self.args[i] for i in self.kind.places if i < len(self.args)]
        outputs += [self.named[name] for name in self.kind.written if name in self.named]
        is_strict = self.kind.name in JOINING
        for tensor in self.foreign:
            if tensor.dim() > 0 or is_strict or any(tensor is output for output in outputs):
                raise RuntimeError(
                    f"Expected all tensors to be on the same device, but found at least two "
                    f"devices, {NAME}:0 and cpu! (in {self.operation.name()})"
                )

    def free_outputs(self) -> None:
        """Empty outputs may be resized, which memory that is shared may not."""
        fresh: list[tuple[Tensor, Tensor]] = []
        for name in self.kind.written & self.named.keys():
            value = self.named[name]
            if isinstance(value, Tensor) and value.numel() == 0:
                self.named[name] = torch.empty(0, dtype=value.dtype)
                fresh.append((value, self.named[name]))
        if self.kind.name == "aten::resize_":
            fresh.append((self.args[0], torch.empty(0, dtype=self.args[0].dtype)))
            self.args[0] = fresh[-1][1]
        for old, new in fresh:
            self.shared = [(own, new if host is old else host) for own, host in self.shared]

    def count(self) -> None:
        for counted in _listening:
            if not self.kind.is_view:
                counted.launches[self.kind.name] += 1
            counted.waits += self.kind.name in WAITS

    def _lowered(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            if value.device.type == NAME:
                self.shared.append((value, _tagged(value, ON_HOST)))
                return self.shared[-1][1]
            self.foreign.append(value)
        elif isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
            return type(value)(map(self._lowered, value))
        elif isinstance(value, torch.device):
            return CPU
        return value

    def _lifted(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            for own, host in self.shared:
                if value is host:
                    return own
            return _tagged(value, ELSEWHERE)
        if isinstance(value, (list, tuple)):
            return type(value)(map(self._lifted, value))
        return value


def _on_host(operation: Any, *args: Any, **kwargs: Any) -> Any:
    """Carries out an operation on the memory that its tensors share with the host."""
    if torch.is_inference_mode_enabled():  # whose tensors cannot be given a memory
        with torch.inference_mode(False), torch.no_grad():
            return _on_host(operation, *args, **kwargs)
    call = _Call(operation, args, kwargs)
    if call.kind.name in COPIES:
        return _copied(call, args)
    call.check()
    call.count()
    call.free_outputs()
    return call.run()


def _copied(call: _Call, args: Sequence[Any]) -> Tensor:
    """copy_(to, from), and _copy_from(from, to)."""
    to, source = (0, 1) if call.kind.name == "aten::copy_" else (1, 0)
    kinds = args[source].device.type, args[to].device.type
    for counted in _listening:
        if args[source].numel() > 1 and kinds == (NAME, "cpu"):
            counted.downloads += 1
        elif args[source].numel() > 1 and kinds == ("cpu", NAME):
            counted.uploads += 1
        elif kinds == (NAME, NAME):
            counted.launches[call.kind.name] += 1
        counted.waits += kinds == (NAME, "cpu")
    call.args[to].copy_(call.args[source])
    return args[to]  # type: ignore[no-any-return]


def _convolution(*args: Any) -> Any:
    return _on_host(torch.ops.aten.convolution.default, *args)


def _convolution_slopes(*args: Any) -> Any:
    given, weights, slopes, *rest, wanted = args
    sizes = [weights.shape[1] if rest[3] else weights.shape[0]]
    return _on_host(
        torch.ops.aten.convolution_backward.default, given, weights, slopes, sizes, *rest, wanted
    )


def _restored(tensor: Tensor, requires_grad: bool) -> Tensor:
    return tensor.to(stand_in()).requires_grad_(requires_grad)


def _teach_copies() -> None:
    """Copies and pickles of tensors without an allocator of their own."""
    reduce_ex: Callable[..., Any] = Tensor.__reduce_ex__
    deepcopy: Callable[..., Any] = Tensor.__deepcopy__

    def is_ours(tensor: Tensor) -> bool:
        return type(tensor) is Tensor and tensor.device.type == NAME

    def reduced(tensor: Tensor, protocol: Any) -> Any:
        if is_ours(tensor):
            return _restored, (tensor.detach().cpu(), tensor.requires_grad)
        return reduce_ex(tensor, protocol)

    def deeply(tensor: Tensor, memo: dict[int, Any]) -> Any:
        if not is_ours(tensor):
            return deepcopy(tensor, memo)
        if id(tensor) not in memo:
            memo[id(tensor)] = tensor.detach().clone().requires_grad_(tensor.requires_grad)
        return memo[id(tensor)]

    Tensor.__reduce_ex__ = reduced  # type: ignore[method-assign, assignment]
    Tensor.__deepcopy__ = deeply  # type: ignore[method-assign, assignment]
