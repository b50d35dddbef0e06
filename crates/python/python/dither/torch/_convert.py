"""A model of PyTorch onto an arithmetic, layer by layer."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import torch

from .._dither import Seed
from . import _layers
from ._arithmetic import arithmetic as _arithmetic


def convert(
    model: torch.nn.Module, policy: Any, *, seed: int | Seed = 0, wide: str | Iterable[str] = ()
) -> torch.nn.Module:
    """Put the layers of a model on an arithmetic.

    Linear layers, convolutions of images, LSTMs and GRUs are replaced by those of this module; they keep
    their parameters, so an optimiser that has these goes on. Everything else stays in float32; a warning
    names what has matrices and stays.

    Args:
        model: a module; it is changed, unless it is itself a layer that is replaced.
        policy: an arithmetic for all layers (see `arithmetic`), or
            ``{"default": …, "layers": {"fc3": "float32"}}`` with exceptions by name.
        seed: a number or a `dither.Seed`; each layer takes the child of its own name.
        wide: names of linear layers whose outputs are not rounded, as logits in narrow fixed point.

    Returns:
        The model.

    Raises:
        ValueError: if the policy is impossible, or names a layer that the model does not have.
    """
    exceptions = {}
    if isinstance(policy, dict) and "default" in policy:
        unknown = set(policy) - {"default", "layers"}
        if unknown:
            raise ValueError(f"policy: {sorted(unknown)} are no keys, of default and layers")
        exceptions = {name: _arithmetic(value) for name, value in policy.get("layers", {}).items()}
        policy = policy["default"]
    default = _arithmetic(policy)
    wide = {wide} if isinstance(wide, str) else set(wide)
    present, staying = [], []

    def replaced(module, name):
        kind = next((made for theirs, made in _KINDS.items() if type(module) is theirs), None)
        if kind is None:
            if isinstance(module, torch.nn.MultiheadAttention):
                staying.append(name)
                return module
            if any(p.dim() > 1 for p in module.parameters(recurse=False)) and not isinstance(
                module, (torch.nn.Embedding, _layers._Layer)
            ):
                staying.append(name)
            for child_name, child in module.named_children():
                path = f"{name}.{child_name}" if name else child_name
                setattr(module, child_name, replaced(child, path))
            return module
        present.append(name)
        made = kind(module, exceptions.get(name, default), seed, name, name in wide)
        made.train(module.training)
        return made

    model = replaced(model, "")
    unknown = (set(exceptions) | wide) - set(present)
    if unknown:
        raise ValueError(f"there is no layer {sorted(unknown)}; there are {', '.join(present)}")
    if staying:
        warnings.warn(f"not converted, and in float32: {', '.join(staying)}", stacklevel=2)
    return model


def _keep_parameters(made, module):
    for name, parameter in module.named_parameters(recurse=False):
        setattr(made, name, parameter)
    return made


def _linear(module, arithmetic, seed, name, wide):
    made = _layers.Linear(
        module.in_features, module.out_features, module.bias is not None,
        arithmetic=arithmetic, seed=seed, name=name, wide=wide,
    )
    return _keep_parameters(made, module)


def _conv2d(module, arithmetic, seed, name, _):
    if module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise ValueError(f"{name}: padding by numbers of zeros is wanted")
    made = _layers.Conv2d(
        module.in_channels, module.out_channels, module.kernel_size, module.stride, module.padding,
        module.dilation, module.groups, module.bias is not None,
        arithmetic=arithmetic, seed=seed, name=name,
    )
    return _keep_parameters(made, module)


def _recurrent(kind):
    def convert_one(module, arithmetic, seed, name, _):
        if module.proj_size:
            raise ValueError(f"{name}: an LSTM with projections is not converted")
        made = kind(
            module.input_size, module.hidden_size, module.num_layers, module.bias, module.batch_first,
            module.dropout, module.bidirectional, arithmetic=arithmetic, seed=seed, name=name,
        )
        _keep_parameters(made, module)
        made._init_flat_weights()
        return made

    return convert_one


_KINDS = {
    torch.nn.Linear: _linear,
    torch.nn.Conv2d: _conv2d,
    torch.nn.LSTM: _recurrent(_layers.LSTM),
    torch.nn.GRU: _recurrent(_layers.GRU),
}


def calibrate(model: torch.nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Find the input ranges of layers on tiles from data: the mean of the largest magnitudes.

    Training does it by itself in its first passes; a model that is only evaluated needs this.

    Args:
        model: a converted model.
        batches: inputs of the model, one after another.
    """
    layers = [m for m in model.modules() if isinstance(m, _layers._Layer) and m._layer.input_ranges]
    seen = {layer: [] for layer in layers}

    def see(layer, inputs):
        largest = float(inputs[0].detach().abs().max())
        if 0.0 < largest < float("inf"):
            seen[layer].append(largest)

    hooks = [layer.register_forward_pre_hook(see) for layer in layers]
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for batch in batches:
                model(batch)
    finally:
        for hook in hooks:
            hook.remove()
        model.train(training)
    with torch.no_grad():
        for layer, largest in seen.items():
            if largest:
                mean = sum(largest) / len(largest)
                layer._set_range(min(mean, _layers._RANGE_CAP))
                layer._observed = _layers._RANGE_PASSES
