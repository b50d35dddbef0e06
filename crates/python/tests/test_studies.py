"""Studies of ONNX files, and their records."""

import gzip
import json
import pathlib
import subprocess
import sys

import numpy
import pytest

import dither

ROOT = pathlib.Path(__file__).parents[3]


def network():
    """The smallest network that ships as an ONNX file."""
    found = sorted(ROOT.glob("crates/*/tests/**/*.onnx"), key=lambda file: file.stat().st_size)
    if not found:
        pytest.skip("no ONNX file ships here")
    return found[0]


def test_a_network_is_told_in_columns():
    summary = dither.check(network())
    assert summary["layers"] and summary["inputs"] and summary["outputs"]
    for layer in summary["layers"]:
        assert 0 < layer["outputs"] * layer["inputs"] <= layer["places"]
    with pytest.raises(FileNotFoundError):
        dither.check("no-such-file.onnx")
    with pytest.raises(ValueError, match="neither a preset"):
        dither.check(network(), tile="no-such-tile")


def test_what_is_no_network_is_refused(tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"no network")
    with pytest.raises(ValueError):
        dither.check(file)


def test_the_program_is_there_with_its_exit_codes():
    run = lambda *arguments: subprocess.run(  # noqa: E731
        [sys.executable, "-m", "dither", *arguments], capture_output=True, text=True, check=False
    )
    assert "sensitivity" in run("--help").stdout
    checked = run("check", str(network()))
    assert checked.returncode == 0 and "operators" in checked.stdout
    refused = run("check", "no-such-file.onnx")
    assert refused.returncode == 2 and refused.stderr.startswith("error: ")


def test_an_error_of_a_study_is_an_exception(tmp_path):
    with pytest.raises(ValueError):
        dither.sensitivity("no-such-network.onnx", tmp_path / "data.toml", out=tmp_path / "out")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Images that ship, as the network of the example takes them."""
    folder = ROOT / "crates" / "datasets" / "data" / "mnist"
    read = lambda name, skip: numpy.frombuffer(  # noqa: E731
        gzip.decompress((folder / name).read_bytes()), numpy.uint8, offset=skip
    )
    images = read("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)[:400]
    x = ((images / numpy.float32(255) - numpy.float32(0.1307)) / numpy.float32(0.3081)).astype(numpy.float32)
    file = tmp_path_factory.mktemp("digits") / "digits.npz"
    numpy.savez(file, x=x, y=read("t10k-labels-idx1-ubyte.gz", 8)[:400].astype(numpy.int64))
    return file


def test_a_network_is_asked_what_it_is_sensitive_to(digits, tmp_path):
    network = ROOT / "docs" / "examples" / "own" / "model.onnx"
    options = {"test": digits, "method": "direct", "scale": "smoke", "programmings": 2, "seed": 3}
    study = dither.sensitivity(network, digits, out=tmp_path / "one", threads=2, **options)
    assert "<html" in study["report"].read_text(encoding="utf-8")
    toml = pytest.importorskip("tomllib", reason="Python 3.11 reads TOML")
    assert study["policy"] is None or toml.loads(study["policy"])
    columns = study["records"]
    assert len(set(columns["experiment"])) == 1 and set(columns["seed"]) == {3}
    assert {"layer conv1", "ADC (steps, bound) alone"} <= set(columns["point"]), columns["point"]
    # The same call reads what is there, and the same on one thread gives the same numbers.
    before = [file.stat().st_mtime_ns for file in sorted((tmp_path / "one").glob("records/*/*"))]
    again = dither.sensitivity(network, digits, out=tmp_path / "one", threads=2, **options)
    assert before == [file.stat().st_mtime_ns for file in sorted((tmp_path / "one").glob("records/*/*"))]
    elsewhere = dither.sensitivity(network, digits, out=tmp_path / "two", threads=1, **options)
    assert str(again["records"]) == str(columns) == str(elsewhere["records"])


def record(point, **values):
    return {
        "schema": 1, "key": point, "experiment": "demo", "point": point, "seed": 1, "data": [],
        "code": "c", "config": {"tile": {"bits": 8}, "rounding": "nearest"}, "checksum": "",
        "measurements": {"values": values, "series": {"loss": [1.0, None]}},
    }


def test_records_are_columns(tmp_path):
    folder = tmp_path / "records" / "demo"
    folder.mkdir(parents=True)
    for at, record_ in enumerate([record("b", error=0.5), record("a", other=None)]):
        (folder / f"{at}.json").write_text(json.dumps(record_))
    columns = dither.records(tmp_path)
    assert columns["point"] == ["a", "b"] and columns["measured.error"] == [None, 0.5]
    assert columns["config.tile.bits"] == [8, 8] and numpy.isnan(columns["measured.other"][0])
    assert columns["measured.loss"][1][0] == 1.0
    assert dither.records(tmp_path, "demo")["key"] == ["a", "b"]
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    assert isinstance(dither.records(tmp_path, frame=True), pandas.DataFrame)
    (folder / "2.json").write_text("{}")
    with pytest.raises(ValueError, match="is no record"):
        dither.records(tmp_path)
    with pytest.raises(FileNotFoundError, match="no store of records"):
        dither.records(tmp_path / "elsewhere")
