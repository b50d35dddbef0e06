"""Layers of `torch.nn` whose products are those of the Rust library."""

import torch

from .. import _dither
from ._arithmetic import arithmetic as _arithmetic

# Passes from which an input range is found, and its limit.
# Source: Rasch et al. 2023, Methods, "input range", 500 mini-batches; Assumed: 20, as in the library.
_RANGE_PASSES = 20
_RANGE_CAP = 10.0


class _Product(torch.autograd.Function):
    """y of a layer; backward by what the library recorded."""

    @staticmethod
    def forward(ctx, layer, x, *parameters):
        wants_dx = ctx.needs_input_grad[1]
        y, states, recorded = layer._multiply(x.detach(), layer.training, wants_dx)
        ctx.layer, ctx.recorded = layer, recorded
        states = [torch.from_numpy(part) for state in states for part in state]
        ctx.mark_non_differentiable(*states)
        return (torch.from_numpy(y), *states)

    @staticmethod
    def backward(ctx, errors, *_):
        if ctx.recorded is None:
            raise RuntimeError("a pass in evaluation keeps nothing to run backwards; call .train() first")
        dx, gradients, ranges = ctx.recorded.backward(errors.contiguous().numpy())
        dx = None if dx is None else torch.from_numpy(dx)
        return (None, dx, *ctx.layer._gradients(gradients, ranges))


class _Layer:
    """What the layers here have in common; the other base is the layer of `torch.nn`."""

    def _prepare(self, arithmetic, seed, name):
        self.arithmetic = _arithmetic(arithmetic)
        self._layer = self._make(self.arithmetic)
        self._names = [name for name, _ in self._layer.parameters()]
        root = seed if isinstance(seed, _dither.Seed) else _dither.Seed(seed)
        self._seed = root.child(name)
        self._steps, self._uses, self._observed = 0, 0, 0
        self._assign, self._devices = True, None
        ranges = self._layer.input_ranges
        if ranges:
            # What the converters of the inputs take as 1, for each matrix on tiles.
            self.input_range = torch.nn.Parameter(torch.ones(ranges))

    # Parameters: theirs are in the layout of PyTorch, the library's channels last.

    def _inner(self):
        """The parameters as the library has them, in its order."""
        return [getattr(self, name).detach().contiguous() for name in self._names]

    def _outer(self, values):
        """Pairs of a parameter and what the library has of it; None where it has nothing."""
        for name, value in zip(self._names, values):
            if value is not None:
                yield getattr(self, name), torch.from_numpy(value)

    def _gradients(self, gradients, ranges):
        found = {id(parameter): value for parameter, value in self._outer(gradients)}
        for parameter in self._trained():
            if parameter is getattr(self, "input_range", None):
                yield torch.tensor(ranges, dtype=torch.float32)
            else:
                yield found.get(id(parameter))

    def _trained(self):
        return list(self.parameters(recurse=False))

    # Products.

    def _settle(self):
        """Lets what the optimiser changed enter the numbers of the arithmetic."""
        parameters = self._trained()
        if any(p.device.type != "cpu" or p.dtype != torch.float32 for p in parameters):
            raise TypeError(f"{type(self).__name__}: parameters are float32 on the CPU here")
        inner = [value.numpy() for value in self._inner()]
        ranges = self.input_range.detach().tolist() if self._layer.input_ranges else []
        seed = self._seed.child("update").child(self._steps)
        added, held = self._layer.settle(inner, ranges, seed, self._assign)
        self._assign = False
        if added:
            self._steps, self._uses = self._steps + 1, 0
        with torch.no_grad():
            for parameter, value in self._outer(held):
                parameter.copy_(value)

    def _multiply(self, x, train, wants_dx):
        seed = self._seed.child("pass").child(self._steps)
        if self._devices is not None:
            y, states = self._devices.forward(x.numpy(), self._seed.child("devices"))
            return y, states, None
        if not train:
            return self._layer.forward(x.numpy(), False, False, seed, self._steps)
        seed = seed.child(self._uses)
        self._uses += 1
        return self._layer.forward(x.numpy(), True, wants_dx, seed, self._steps)

    def _apply_layer(self, x):
        if self._devices is not None:
            if self.training:
                raise RuntimeError("programmed devices are not trained; dither.torch.release frees them")
        else:
            self._observe(x)
            self._settle()
        y, *states = _Product.apply(self, x.contiguous(), *self._trained())
        return y, states

    def _observe(self, x):
        """Finds the input range from the first passes of training, or from the first one of all."""
        if not self._layer.input_ranges or self._observed >= _RANGE_PASSES:
            return
        if not self.training and self._observed:
            return
        with torch.no_grad():
            largest = float(x.abs().max()) if x.numel() else 0.0
            if not 0.0 < largest < float("inf"):
                return
            mean = (float(self.input_range[0]) * self._observed + largest) / (self._observed + 1)
            self._set_range(min(mean, _RANGE_CAP))
        # In evaluation it is a stand-in that training begins anew.
        self._observed += self.training

    def _set_range(self, of_x):
        self.input_range.fill_(of_x)

    # State dicts are those of the layer of torch.nn; what else there is lies in their metadata, which
    # torch.save keeps.

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        if self._devices is None:
            self._settle()
        super()._save_to_state_dict(destination, prefix, keep_vars)
        ours = {"steps": self._steps, "uses": self._uses, "observed": self._observed}
        if destination.pop(prefix + "input_range", None) is not None:
            ours["input_range"] = self.input_range.detach().tolist()
        destination._metadata[prefix[:-1]]["dither"] = ours

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing, *rest):
        found = local_metadata.get("dither", {})
        if self._layer.input_ranges:
            ranges = found.get("input_range", [1.0] * self._layer.input_ranges)
            state_dict = dict(state_dict)
            state_dict[prefix + "input_range"] = torch.tensor(ranges)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, *rest)
        self._steps, self._uses = found.get("steps", 0), found.get("uses", 0)
        self._observed = found.get("observed", 0)
        self._assign, self._devices = True, None

    def extra_repr(self):
        kind = self.arithmetic if isinstance(self.arithmetic, str) else next(iter(self.arithmetic))
        return f"{super().extra_repr()}, {kind}"

    # Modules are copied and pickled with their layer made anew.

    def __getstate__(self):
        # Recurrent layers of torch.nn have one; a plain object has none before Python 3.11.
        theirs = getattr(super(), "__getstate__", None)
        state = dict(self.__dict__ if theirs is None else theirs())
        del state["_layer"], state["_devices"]
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        self._layer = self._make(self.arithmetic)
        self._assign, self._devices = True, None


class Linear(_Layer, torch.nn.Linear):
    """y = x·Wᵀ + b in an arithmetic.

    Args:
        in_features, out_features, bias: as in `torch.nn.Linear`.
        arithmetic: see `dither.torch.arithmetic`.
        seed: a number or a `dither.Seed`.
        name: names the layer's random bits below the seed: two layers of one seed have two names.
        wide: whether outputs are the sums before their rounding, as logits should be in fixed point.
    """

    def __init__(self, in_features, out_features, bias=True, *, arithmetic="float32", seed=0,
                 name="linear", wide=False):
        torch.nn.Linear.__init__(self, in_features, out_features, bias)
        self.wide = wide
        self._prepare(arithmetic, seed, name)

    def _make(self, arithmetic):
        bias = self.bias is not None
        return _dither.Layer.linear(arithmetic, self.in_features, self.out_features, bias, self.wide)

    def _inner(self):
        weight, *bias = super()._inner()
        return [weight if bias else weight[:, None, None, :], *bias]

    def _outer(self, values):
        for parameter, value in super()._outer(values):
            yield parameter, value.reshape(parameter.shape)

    def forward(self, x):
        shape = x.shape
        if self.bias is None:
            x = x.reshape(-1, 1, 1, shape[-1])
        y, _ = self._apply_layer(x)
        return y.reshape(*shape[:-1], self.out_features)


class Conv2d(_Layer, torch.nn.Conv2d):
    """A convolution in an arithmetic, as the products of its patches.

    Args:
        arithmetic, seed, name: as in `Linear`; the others as in `torch.nn.Conv2d`. Padding is of zeros.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1,
                 bias=True, *, arithmetic="float32", seed=0, name="conv"):
        torch.nn.Conv2d.__init__(
            self, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias
        )
        self._prepare(arithmetic, seed, name)

    def _make(self, arithmetic):
        if self.padding_mode != "zeros" or isinstance(self.padding, str):
            raise ValueError("padding: numbers of zeros are wanted")
        return _dither.Layer.conv2d(
            arithmetic, self.in_channels, self.out_channels, self.kernel_size, self.stride,
            self.padding, self.dilation, self.groups, self.bias is not None,
        )

    def _inner(self):
        weight = self.weight.detach().permute(0, 2, 3, 1).contiguous()
        if self.bias is None:
            return list(weight.chunk(self.groups))
        parts = zip(weight.chunk(self.groups), self.bias.detach().chunk(self.groups))
        return [part for pair in parts for part in pair]

    def _outer(self, values):
        width = 1 if self.bias is None else 2
        for start, parameter in enumerate([self.weight, self.bias][:width]):
            present = parameter.detach()
            parts = values[start::width]
            if all(part is None for part in parts):
                continue
            if parameter is self.weight:
                present = present.permute(0, 2, 3, 1)
            chunks = zip(parts, present.chunk(self.groups))
            value = torch.cat([c if p is None else torch.from_numpy(p) for p, c in chunks])
            yield parameter, value.permute(0, 3, 1, 2) if parameter is self.weight else value

    def forward(self, x):
        single = x.dim() == 3
        x = x[None] if single else x
        y, _ = self._apply_layer(x.permute(0, 2, 3, 1))
        y = y.permute(0, 3, 1, 2)
        return y[0] if single else y


class _Recurrent(_Layer):
    """What LSTM and GRU have in common."""

    def _make(self, arithmetic):
        if not self.bias or self.proj_size:
            raise ValueError(f"{type(self).__name__}: layers have biases and no projections here")
        return _dither.Layer.recurrent(
            arithmetic, self._cell, self.input_size, self.hidden_size, self.num_layers, self.dropout,
            self.bidirectional,
        )

    def _set_range(self, of_x):
        # The first layer takes x, in one direction or both; the others take states, at most 1.
        self.input_range[: 4 if self.bidirectional else 2 : 2] = of_x

    def _run(self, x, initial):
        if initial is not None:
            raise ValueError("initial states are zeros here")
        single = x.dim() == 2
        x = x[None] if single else x if self.batch_first else x.transpose(0, 1)
        y, states = self._apply_layer(x)
        hidden, cell = list(states[0::2]), list(states[1::2])
        # Of the last layer the states are outputs, through which gradients pass.
        width = self.hidden_size
        hidden[-1] = y[:, 0, width:] if self.bidirectional else y[:, -1]
        if self.bidirectional:
            hidden[-2] = y[:, -1, :width]
        hidden, cell = torch.stack(hidden), torch.stack(cell)
        if single:
            return y[0], hidden[:, 0], cell[:, 0]
        return y if self.batch_first else y.transpose(0, 1), hidden, cell


class LSTM(_Recurrent, torch.nn.LSTM):
    """An LSTM in an arithmetic, each of its matrices a linear map.

    Args:
        arithmetic, seed, name: as in `Linear`; the others as in `torch.nn.LSTM`.

    Initial states are zeros. Gradients pass through the outputs and the last layer's h_n; c_n, and h_n of
    the layers below, have none.
    """

    _cell = "lstm"

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, *, arithmetic="float32", seed=0, name="lstm"):
        torch.nn.LSTM.__init__(
            self, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional
        )
        self._prepare(arithmetic, seed, name)

    def forward(self, x, initial=None):
        y, hidden, cell = self._run(x, initial)
        return y, (hidden, cell)


class GRU(_Recurrent, torch.nn.GRU):
    """A GRU in an arithmetic: see `LSTM`."""

    _cell = "gru"

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, *, arithmetic="float32", seed=0, name="gru"):
        torch.nn.GRU.__init__(
            self, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional
        )
        self._prepare(arithmetic, seed, name)

    def forward(self, x, initial=None):
        y, hidden, _ = self._run(x, initial)
        return y, hidden
