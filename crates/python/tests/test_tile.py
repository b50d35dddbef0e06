"""`Tile` and `Circuit` against the Rust library, and what must hold of them."""

import numpy
import pytest
from conftest import floats, normal, same_bits

import dither
from dither import Circuit, Tile

DAY = 86_400.0


def tile_of(weights, **options):
    return Tile.program(weights, options.pop("tile", "standard-pcm"), **{"seed": 11, **options})


def test_a_tile_has_the_bits_of_the_library(golden):
    tile = tile_of(normal("weights", (6, 700), 0.3))
    assert tile.shape == (6, 700) and tile.tiles == 2
    tile.input_range = 2.0
    tile.age(DAY)
    tile.compensate_drift()
    y = tile.mvm(normal("inputs", (3, 700), 1.0))
    assert same_bits(y.ravel(), floats(golden["tile"]["y"]))
    assert same_bits(tile.weights().ravel()[:50], floats(golden["tile"]["weights"]))
    assert tile.age_s == DAY


def test_products_are_those_of_their_seed_and_position():
    weights, x = normal("w", (8, 60), 0.3), normal("x", (10, 60), 0.5)
    tile = tile_of(weights)
    y = tile.mvm(x)
    assert same_bits(y, tile.mvm(x)) and same_bits(y, tile_of(weights).mvm(x))
    assert same_bits(y[4:], tile.mvm(x[4:].copy(), first=4))
    assert not numpy.array_equal(y, tile.mvm(x, seed=1))
    assert not numpy.array_equal(y, tile_of(weights, seed=12).mvm(x))
    assert same_bits(tile.mvm(x[0]), y[0]) and tile.mvm(x.reshape(2, 5, 60)).shape == (2, 5, 8)
    before, results = dither.threads(), []
    for count in (1, 2, 3):
        dither.set_threads(count)
        results.append(tile_of(normal("big", (400, 300), 0.3)).mvm(normal("rows", (64, 300), 0.3)))
    dither.set_threads(before)
    assert same_bits(results[0], results[1]) and same_bits(results[0], results[2])


def test_drift_adds_to_the_error_and_compensation_takes_from_it():
    weights, x = normal("w", (64, 200), 0.3), normal("x", (32, 200), 0.3)
    tile = tile_of(weights)
    fresh = tile.mvm_error(weights, x)
    tile.age(365 * DAY)
    drifted = tile.mvm_error(weights, x)
    tile.compensate_drift()
    compensated = tile.mvm_error(weights, x)
    assert fresh < compensated < drifted
    exact = (x.astype(float) @ weights.T.astype(float)).astype(numpy.float32)
    assert dither.mvm_error(exact, tile.mvm(x)) == pytest.approx(compensated, rel=1e-12)
    tile.age(0.0)
    assert tile.age_s == 0.0


def test_an_exact_device_holds_the_weights():
    weights = normal("w", (5, 7), 0.3)
    tile = tile_of(weights, tile="ideal")
    assert numpy.allclose(tile.weights(), weights, rtol=1e-5)
    [part] = tile.conductances_us()
    assert part["rows"] == slice(0, 5) and part["columns"] == slice(0, 7)
    assert part["g_us"].shape[1:] == (5, 7) and part["g_us"].min() >= 0


def test_a_bias_is_added_and_taken_away():
    tile, x = tile_of(normal("w", (5, 7), 0.3)), normal("x", (2, 7), 0.3)
    without, bias = tile.mvm(x), numpy.arange(5, dtype=numpy.float32)
    tile.set_bias(bias)
    assert numpy.allclose(tile.mvm(x), without + bias, atol=1e-6)
    tile.set_bias(None)
    assert same_bits(tile.mvm(x), without)


def test_a_tile_is_a_preset_a_text_a_file_or_a_dictionary(tmp_path):
    weights = normal("w", (5, 7), 0.3)
    assert "standard-pcm" in dither.presets()
    text = 'base = "standard-pcm"\n[periphery.adc]\nnoise = 0.5\n'
    file = tmp_path / "tile.toml"
    file.write_text(text)
    table = {"base": "standard-pcm", "periphery": {"adc": {"noise": 0.5}}}
    tiles = [tile_of(weights, tile=tile) for tile in (text, file, str(file), table)]
    x = normal("x", (2, 7), 0.3)
    assert all(same_bits(tile.mvm(x), tiles[0].mvm(x)) for tile in tiles)
    assert not same_bits(tiles[0].mvm(x), tile_of(weights).mvm(x))
    whole = tile_of(weights, tile=tiles[0].config)
    assert same_bits(whole.mvm(x), tiles[0].mvm(x))
    assert "[device]" in dither.preset("measured-example")


def test_a_device_is_a_table_of_arrays():
    columns = {
        "g_target_us": [0.0, 10.0, 20.0], "g_mean_us": [0.0, 10.0, 20.0], "g_std_us": [0.0] * 3,
        "nu_mean": [0.1] * 3, "nu_std": [0.0] * 3, "read_std_us": [0.0] * 3,
    }
    table = {name: numpy.array(values, numpy.float32) for name, values in columns.items()}
    device = {"model": "measured", "t0_s": 20.0, "table": table}
    weights = normal("w", (3, 4), 0.3)
    tile = tile_of(weights, tile={"base": "ideal", "device": device})
    assert numpy.allclose(tile.weights(), weights, rtol=1e-4)
    tile.age(180.0)
    assert numpy.allclose(tile.weights(), weights * 10**-0.1, rtol=1e-3)


def test_costs_have_ranges_and_parts():
    tile, x = tile_of(normal("w", (64, 200), 0.3)), normal("x", (3, 200), 0.3)
    cost = tile.cost(x)
    low, nominal, high = cost["total_pj"]
    assert 0 < low <= nominal <= high
    assert nominal == pytest.approx(sum(part[1] for part in cost["energy_pj"].values()))
    assert cost["macs"] == 64 * 200
    assert cost["tops_per_watt"] == pytest.approx(2 * 64 * 200 / nominal)
    assert tile.cost(x, "chip")["total_pj"][1] > nominal


W = numpy.zeros((2, 3), numpy.float32)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Tile.program(W, "standard-pcn"), OSError, "neither a preset (standard-pcm, aihwkit-pcm"),
        (lambda: Tile.program(W, {"base": "standard-pcm", "dac": {}}), ValueError, "tile: "),
        (lambda: Tile.program(W, 'base = "ideal"\n[periphery.adc]\nnoise = -1.0'), ValueError, "noise = -1"),
        (lambda: Tile.program(W + numpy.nan), ValueError, "weight NaN at (output 0, input 0) is not finite"),
        (lambda: Tile.program(W.astype(float)), TypeError, "float32 is wanted, not float64"),
        (lambda: Tile.program(W[0]), ValueError, "weights: shape [3] is not (outputs, inputs)"),
        (lambda: Tile.program(W[:0]), ValueError, "weights: a 0 × 3 matrix has none"),
        (lambda: Tile.program(W.T), ValueError, "weights: is not in C order"),
        (lambda: Tile.program(W).age(-1.0), ValueError, "time -1 s lies before programming"),
        (lambda: Tile.program(W).age(float("nan")), ValueError, "not finite"),
        (lambda: Tile.program(W).mvm(W.T.copy()), ValueError, "x: shape [3, 2] does not end with 3 inputs"),
        (lambda: Tile.program(W).mvm_error(W, W[:0]), ValueError, "x: no products have no error"),
        (lambda: Tile.program(W).mvm_error(W.T.copy(), W), ValueError, "not that of the tile, (2, 3)"),
        (lambda: Tile.program(W).cost(W, "a = 1"), ValueError, "figures: "),
        (lambda: Tile.program(W).set_bias(numpy.zeros(3, numpy.float32)), ValueError, "bias: 3 for 2 outputs"),
        (lambda: setattr(Tile.program(W), "input_range", 0.0), ValueError, "input_range"),
        (lambda: dither.preset("pcm"), ValueError, "name: 'pcm' is no preset, of standard-pcm"),
    ],
)
def test_what_cannot_be_is_refused(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value), str(caught.value)


# Circuits.

G = abs(normal("g", (5, 4), 1e-5)).astype(numpy.float64)
V = numpy.array([0.1, 0.2, -0.1, 0.0, 0.3])


def test_a_circuit_has_the_bits_of_the_library(golden):
    circuit = Circuit(G, 1.5, 0.5)
    solution = circuit.solve(V)
    dv, dg = circuit.gradients(solution, numpy.array([1.0, -1.0, 0.5, 2.0]))
    bits = lambda x: x.ravel().view(numpy.uint64).tolist()  # noqa: E731
    expected = golden["circuit"]
    assert bits(solution.outputs_a) == expected["outputs_a"]
    assert bits(dv) == expected["inputs"] and bits(dg) == expected["conductances"]
    assert solution.residual <= 1e-10
    assert solution.word_v.shape == solution.bit_v.shape == (5, 4)


def test_without_wires_the_currents_are_a_product():
    solution = Circuit(G, 0.0, 0.0).solve(V)
    assert numpy.allclose(solution.outputs_a, V @ G, rtol=1e-13)


def test_gradients_are_finite_differences():
    weights = numpy.array([[1.0, -1.0, 0.5, 2.0], [0.5, 1.0, 1.0, -1.0]])
    drives = numpy.stack([V, V[::-1]])
    loss = lambda g, v: (Circuit(g, 1e4, 2e4).solve(v).outputs_a * weights).sum()  # noqa: E731
    circuit = Circuit(G, 1e4, 2e4)
    dv, dg = circuit.gradients(circuit.solve(drives), weights)
    assert dv.shape == (2, 5) and dg.shape == (5, 4)
    for at in [(0, 0), (2, 1), (4, 3)]:
        step = numpy.zeros_like(G)
        step[at] = 1e-9
        slope = (loss(G + step, drives) - loss(G - step, drives)) / 2e-9
        assert dg[at] == pytest.approx(slope, rel=1e-4)
    step = numpy.zeros_like(drives)
    step[1, 2] = 1e-4
    slope = (loss(G, drives + step) - loss(G, drives - step)) / 2e-4
    assert dv[1, 2] == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Circuit(-G, 1.0, 1.0), "is not finite and ≥ 0"),
        (lambda: Circuit(G, -1.0, 1.0), "word line resistance -1 Ω"),
        (lambda: Circuit(G[0], 1.0, 1.0), "conductances_s: shape [4] is not (rows, columns)"),
        (lambda: Circuit(G[:0], 1.0, 1.0), "has no devices"),
        (lambda: Circuit(G, 1.0, 1.0).solve(V[:3]), "inputs_v: shape [3] is neither (5,) nor (batch, 5)"),
        (lambda: Circuit(G, 1.0, 1.0).solve(numpy.full(5, numpy.inf)), "is not finite"),
    ],
)
def test_circuits_that_cannot_be_are_refused(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    assert words in str(caught.value), str(caught.value)
