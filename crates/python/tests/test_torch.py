"""Layers and tensors of PyTorch; skipped where it is not installed."""

import copy
import io
import pickle

import numpy
import pytest
from conftest import floats, normal, same_bits

import dither

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import dither.torch as dt  # noqa: E402

ARITHMETICS = ["float32", "<8,8>", "e4m3", "mxfp4", "mxfp8", "bf16", "ideal", "standard-pcm"]


def loss_of(y):
    return (y * torch.linspace(-1, 1, y.numel()).reshape(y.shape)).sum()


def gradients(module, x):
    module.zero_grad()
    x = x.clone().requires_grad_()
    y = module(x)
    loss_of(y[0] if isinstance(y, tuple) else y).backward()
    return [x.grad] + [p.grad for _, p in sorted(module.named_parameters()) if _ != "input_range"]


# Tensors instead of arrays.


@pytest.mark.parametrize("format", ["<8,8>", "e4m3", "nvfp4"])
def test_a_tensor_is_rounded_like_its_array(format):
    x = torch.from_numpy(normal("x", (4, 40), 1.0))
    how = {"rounding": "stochastic", "seed": 1}
    y = dither.quantize(x, format, **how)
    assert isinstance(y, torch.Tensor) and same_bits(y.numpy(), dither.quantize(x.numpy(), format, **how))


def test_functions_of_arrays_take_tensors():
    w, x = torch.from_numpy(normal("w", (3, 8), 0.3)), torch.from_numpy(normal("x", (2, 8), 0.3))
    tile = dither.Tile.program(w, seed=1)
    assert same_bits(tile.mvm(x).numpy(), dither.Tile.program(w.numpy(), seed=1).mvm(x.numpy()))
    codes = dither.encode(x, "<8,8>")
    assert codes.dtype == torch.int16
    assert torch.equal(dither.decode(codes, "<8,8>"), dither.quantize(x, "<8,8>"))
    a = dither.quantize(x, "<8,8>")
    assert torch.equal(dither.gemm(a, codes, "<8,8>", transpose_b=True), (a @ a.T).double())


def test_tensors_that_have_no_array_are_refused():
    x = torch.zeros(4, 4)
    cases = [
        (x.to("meta"), ValueError, "a tensor on meta is not in this memory"),
        (x.bfloat16(), TypeError, "x: "),
        (x.half(), TypeError, "not float16"),
        (x.T[:, :2], ValueError, "not in C order"),
        (x.to_sparse(), TypeError, "x: a tensor without an array"),
        (torch.zeros(4, 4, requires_grad=True), ValueError, "gets none here"),
    ]
    for tensor, error, words in cases:
        with pytest.raises(error, match=words):
            dither.quantize(tensor, "e4m3")
    with torch.no_grad():
        assert dither.quantize(torch.zeros(4, 4, requires_grad=True), "e4m3").shape == (4, 4)


def test_a_gradient_passes_a_rounding_straight_through():
    x = torch.full((3,), 0.3, requires_grad=True)
    y = dt.quantize(x, "<4,2>")
    (y * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert y.tolist() == [0.25] * 3 and x.grad.tolist() == [1.0, 2.0, 3.0]


# Layers.


def layers():
    torch.manual_seed(0)
    return [
        (torch.nn.Linear(9, 5), torch.randn(4, 9)),
        (torch.nn.Linear(9, 5, bias=False), torch.randn(2, 3, 9)),
        (torch.nn.Conv2d(3, 6, 3, stride=2, padding=1), torch.randn(2, 3, 9, 8)),
        (torch.nn.Conv2d(4, 6, (3, 2), groups=2, dilation=2, bias=False), torch.randn(2, 4, 9, 8)),
        (torch.nn.Conv2d(4, 6, 3, groups=2), torch.randn(4, 9, 8)),
        (torch.nn.LSTM(5, 7, num_layers=2, bidirectional=True), torch.randn(6, 3, 5)),
        (torch.nn.LSTM(5, 7, batch_first=True), torch.randn(3, 6, 5)),
        (torch.nn.GRU(5, 7), torch.randn(6, 3, 5)),
    ]


@pytest.mark.parametrize("index", range(8))
def test_in_float32_layers_and_gradients_are_those_of_torch(index):
    theirs, x = layers()[index]
    ours = dt.convert(copy.deepcopy(theirs), "float32")
    assert type(ours) is not type(theirs) and isinstance(ours, type(theirs))
    expected, found = theirs(x), ours(x)
    if isinstance(expected, tuple):
        states = [expected[1], found[1]]
        for a, b in zip(*[s if isinstance(s, tuple) else (s,) for s in states]):
            assert torch.allclose(a, b, atol=1e-5)
        expected, found = expected[0], found[0]
    assert found.shape == expected.shape and torch.allclose(found, expected, atol=1e-5)
    for a, b in zip(gradients(theirs, x), gradients(ours, x)):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize("index", [0, 3, 5])
def test_every_arithmetic_trains_every_kind_of_layer(arithmetic, index):
    theirs, x = layers()[index]
    once, again = (dt.convert(copy.deepcopy(theirs), arithmetic, seed=3) for _ in range(2))
    for module in (once, again):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
        for _ in range(3):
            optimizer.zero_grad()
            y = module(x)
            (y[0] if isinstance(y, tuple) else y).square().sum().backward()
            optimizer.step()
        assert all(torch.isfinite(p).all() for p in module.parameters())
    for (name, a), b in zip(once.state_dict().items(), again.state_dict().values()):
        assert same_bits(a.numpy(), b.numpy()), name
        assert not torch.equal(a, theirs.state_dict()[name]), name


def test_a_layer_has_the_bits_of_the_library(golden):
    golden = golden["layer"]
    layer = dt.Linear(9, 5, arithmetic="<8,8>", seed=3, name="layer")
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(normal("w", (5, 9), 0.5)))
        layer.bias.copy_(torch.from_numpy(normal("bias", (5,), 0.5)))
    x = torch.from_numpy(normal("rows", (4, 9), 1.0)).requires_grad_()
    y = layer(x)
    y.backward(torch.from_numpy(normal("errors", (4, 5), 0.1)))
    assert same_bits(y.detach().numpy().ravel(), floats(golden["y"]))
    assert same_bits(x.grad.numpy().ravel(), floats(golden["dx"]))
    assert same_bits(layer.weight.grad.numpy().ravel(), floats(golden["dw"]))
    assert same_bits(layer.bias.grad.numpy().ravel(), floats(golden["db"]))
    with torch.no_grad():
        for parameter in (layer.weight, layer.bias):
            step = numpy.float32(0.01) * parameter.grad.numpy()
            parameter.copy_(torch.from_numpy(parameter.numpy() - step))
    for name, updated in zip(["weight", "bias"], golden["updated"]):
        assert same_bits(layer.state_dict()[name].numpy().ravel(), floats(updated))


def test_weights_live_on_the_grid():
    layer = dt.Linear(30, 20, arithmetic=dt.fixed_point("<2,6>"), seed=1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1e-3, momentum=0.9)
    for _ in range(5):
        optimizer.zero_grad()
        layer(torch.randn(8, 30)).square().mean().backward()
        optimizer.step()
    for value in layer.state_dict().values():
        assert torch.equal(value, dither.quantize(value, "<2,6>"))


def test_state_dicts_go_both_ways():
    for theirs, x in layers():
        for arithmetic in ("float32", "standard-pcm"):
            ours = dt.convert(copy.deepcopy(theirs), arithmetic)
            ours.train()
            ours(x)
            saved = ours.state_dict()
            assert list(saved) == list(theirs.state_dict())
            theirs.load_state_dict(saved)
            again = dt.convert(copy.deepcopy(theirs), arithmetic)
            again.load_state_dict(theirs.state_dict())
            again.load_state_dict(saved)
            file = io.BytesIO()
            torch.save(saved, file)
            file.seek(0)
            again.load_state_dict(torch.load(file, weights_only=True))
            for module in (ours, again):
                module.eval()
            first, second = ours(x), again(x)
            first, second = (y[0] if isinstance(y, tuple) else y for y in (first, second))
            assert same_bits(first.detach().numpy(), second.detach().numpy())
            for module in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
                third = module(x)
                third = third[0] if isinstance(third, tuple) else third
                assert same_bits(first.detach().numpy(), third.detach().numpy())


def test_training_goes_on_where_it_stopped():
    def train(layer, steps):
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.05)
        for step in steps:
            optimizer.zero_grad()
            x = torch.from_numpy(normal(f"x{step}", (8, 30), 1.0))
            layer(x).square().mean().backward()
            optimizer.step()
        return layer.state_dict()

    def made(arithmetic):
        torch.manual_seed(1)
        return dt.Linear(30, 20, arithmetic=arithmetic, seed=1)

    for arithmetic in ("<6,10>", dt.tiles(weight_noise=3.0)):
        whole = train(made(arithmetic), range(6))
        resumed = made(arithmetic)
        resumed.load_state_dict(train(made(arithmetic), range(3)))
        rest = train(resumed, range(3, 6))
        assert all(same_bits(whole[name].numpy(), rest[name].numpy()) for name in whole)


def test_convert_takes_exceptions_and_names_what_stays():
    def model():
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))

    kept = model()
    parameters = list(kept.parameters())
    converted = dt.convert(kept, {"default": "<8,8>", "layers": {"2": "float32"}})
    assert converted is kept and converted[2].arithmetic == "float32"
    assert all(a is b for a, b in zip(parameters, converted.parameters()))
    assert "fixed-point" in repr(converted[0])
    outputs = []
    for wide in ((), "2"):
        converted = dt.convert(model(), "<2,14>", wide=wide)
        with torch.no_grad():
            converted[2].weight.fill_(1.5)
            outputs.append(float(converted(torch.ones(1, 6)).max()))
    assert outputs[0] == 2 - 2**-14 and outputs[1] > 2
    with pytest.raises(ValueError, match=r"there is no layer \['fc'\]; there are 0, 2"):
        dt.convert(model(), {"default": "<8,8>", "layers": {"fc": "float32"}})
    with pytest.raises(ValueError, match="no keys"):
        dt.convert(model(), {"default": "<8,8>", "layer": {}})
    attention = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    with pytest.warns(UserWarning, match="in float32: self_attn"):
        dt.convert(attention, "<8,8>")
    assert attention(torch.randn(2, 3, 8)).shape == (2, 3, 8)


def test_devices_age_and_are_released():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(40, 30), torch.nn.Tanh(), torch.nn.Linear(30, 10))
    exact, x = copy.deepcopy(model).eval(), torch.randn(64, 40)
    model = dt.convert(model, "standard-pcm")
    dt.calibrate(model, x.split(16))
    assert 1.0 < float(model[0].input_range.detach()) < 10.0
    error = lambda y: float((y - exact(x)).norm() / exact(x).norm())  # noqa: E731
    with torch.no_grad():
        model.eval()
        ideal = model(x)
        dt.program(model, seed=1)
        fresh = model(x)
        dt.age(model, 365 * 86_400.0)
        aged = model(x)
        assert error(ideal) < error(fresh) < error(aged) < 1.0
        dt.program(model, seed=1)
        assert same_bits(model(x).numpy(), fresh.numpy())
        dt.program(model, seed=2)
        assert not torch.equal(model(x), fresh)
        model.train()
        with pytest.raises(RuntimeError, match="are not trained"):
            model(x)
        dt.release(model)
        model.eval()
        assert same_bits(model(x).numpy(), ideal.numpy())
    with pytest.raises(ValueError, match="not programmed"):
        dt.age(model, 1.0)
    with pytest.raises(ValueError, match="no layer on tiles"):
        dt.program(torch.nn.Linear(2, 2))


def test_gradients_on_exact_tiles_are_those_of_torch():
    theirs, x = torch.nn.Linear(40, 30), 0.3 * torch.randn(16, 40)
    tile = {"base": "ideal", "periphery": {"adc": {"noise": 0.0}}}
    ours = dt.convert(copy.deepcopy(theirs), dt.tiles(tile, ir_drop=False))
    for a, b in zip(gradients(theirs, x), gradients(ours, x)):
        assert float((a - b).norm() / a.norm()) < 0.05


def test_a_pass_runs_backwards_once():
    layer = dt.Linear(3, 2)
    y = layer(torch.randn(1, 3)).sum()
    y.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="runs backwards once"):
        y.backward()
    layer.eval()
    with pytest.raises(RuntimeError, match="keeps nothing"):
        layer(torch.randn(1, 3)).sum().backward()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: dt.Linear(3, 2, arithmetic="fp5"), ValueError, "'fp5' is no format"),
        (lambda: dt.Linear(3, 2, arithmetic=3), TypeError, "arithmetic: a name or a dictionary"),
        (lambda: dt.Linear(3, 2, arithmetic={"fixed": {}}), ValueError, "arithmetic: unknown variant"),
        (lambda: dt.Linear(3, 2, arithmetic="<16,16>"), ValueError, "words of over 24 bits"),
        (lambda: dt.Linear(3, 2)(torch.zeros(1, 4)), ValueError, "does not end with 3 inputs"),
        (lambda: dt.Linear(3, 2)(torch.zeros(1, 3).double()), TypeError, "x: "),
        (lambda: dt.Linear(3, 2).double()(torch.zeros(1, 3)), TypeError, "float32 on the CPU"),
        (lambda: dt.Conv2d(3, 2, 3, padding="same"), ValueError, "padding"),
        (lambda: dt.LSTM(3, 2, bias=False), ValueError, "biases"),
        (lambda: dt.LSTM(3, 2)(torch.zeros(1, 1, 3), (torch.zeros(1), torch.zeros(1))), ValueError, "initial"),
    ],
)
def test_what_cannot_be_is_refused(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value), str(caught.value)


def test_weights_that_are_not_finite_are_named():
    layer = dt.Linear(3, 2)
    with torch.no_grad():
        layer.weight[0, 1] = float("nan")
    with pytest.raises(ValueError, match="weight: NaN at index 1 is not finite"):
        layer(torch.zeros(1, 3))
