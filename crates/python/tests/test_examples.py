"""The examples run, on a part of their data."""

import pathlib
import re
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"


def test_mnist_is_learned_in_fixed_point_and_on_tiles():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    command = [sys.executable, str(EXAMPLES / "mnist.py"), "0.2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    accuracies = [float(number) for number in re.findall(r": ([0-9.]+) %", done.stdout)]
    # 12,000 examples teach a perceptron about nine of ten digits; a tenth would be chance.
    assert len(accuracies) == 6 and min(accuracies) > 75.0, done.stdout
