"""The tour of the README runs."""

import os
import pathlib
import re

import pytest

HERE = pathlib.Path(__file__).parent
BLOCKS = re.findall(r"^```python( torch)?\n(.*?)^```", (HERE.parent / "README.md").read_text("utf-8"), re.M | re.S)


def run(blocks):
    os.chdir(HERE.parents[2])
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)


def test_the_tour_runs():
    plain = [block for torch, block in BLOCKS if not torch]
    assert len(plain) == 6
    run(plain)


def test_the_tour_of_torch_runs():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    run(block for torch, block in BLOCKS if torch)
