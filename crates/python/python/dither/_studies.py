"""Studies of a network on imprecise hardware, from its ONNX file, and what they recorded."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

from . import _dither

_Path = str | os.PathLike


def check(
    network: _Path,
    *,
    tile: _Path = "standard-pcm",
    expect: _Path | None = None,
    tolerance: float = 1e-4,
) -> dict[str, Any]:
    """What is in an ONNX file, and whether it gives here what it gave elsewhere.

    Args:
        network: the file; its weights may lie beside it.
        tile: on which layers are laid out: a preset or a TOML file.
        expect: a file of `numpy.savez` with arrays of inputs and outputs by their names.
        tolerance: the largest difference that is rounding, as a share of the largest number of an output.

    Returns:
        A dictionary: ``producer``, ``opset``, ``inputs``, ``outputs``, ``operators``, ``layers`` (each with
        ``name``, ``outputs``, ``inputs``, ``tiles`` and ``places`` for weights on them), ``beside``; with
        `expect` also ``equal``, and ``text``, which says how far each output is off.

    Raises:
        ValueError: if the network has operators that there are not, or a file is damaged.
        OSError: if a file cannot be read.
    """
    for file in [network] if expect is None else [network, expect]:
        with open(file, "rb"):
            pass
    found, compared = _dither.check_network(network, os.fspath(tile), expect, tolerance)
    summary = json.loads(found)
    if compared is not None:
        summary["equal"], summary["text"] = compared
    return summary


def sensitivity(
    network: _Path, data: _Path | None = None, *, out: _Path, **options: Any
) -> dict[str, Any]:
    """What imprecise hardware does to one network, where, and which converters are enough.

    It runs ``python -m dither sensitivity`` as a process of its own; the same call again goes on where an
    earlier one stopped, or reads what is there.

    Args:
        network: an ONNX file, or a name of the register.
        data: a TOML file that describes the user's data; a name of the register has its own.
        out: the folder of records and report.
        options: those of the command, ``tile="standard-pcm"``, ``scale="smoke"``, ``programmings=3``,
            ``seed=1``, ``checkpoint=…``; ``python -m dither sensitivity --help`` lists them.

    Returns:
        A dictionary: ``records`` (see `records`), ``report``, the path of a page, and ``policy``, a TOML
        text with the layers to keep digital or on better tiles, or None.

    Raises:
        ValueError: for an error in the options, a file or the data, in the program's words.
        RuntimeError: if training diverges, or the run is stopped.
    """
    options = {"network": network, "data": data, "out": out, **options}
    command = [sys.executable, "-m", "dither", "sensitivity"]
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            command.append(option)
        elif value is not None and value is not False:
            command += [option, os.fspath(value) if isinstance(value, os.PathLike) else str(value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        reason = (errors or lines or ["it gave no reason"])[-1]
        raise (ValueError if done.returncode == 2 else RuntimeError)(reason)
    folder = pathlib.Path(out)
    policy = folder / "policy.toml"
    return {
        "records": records(folder),
        "report": folder / "report.html",
        "policy": policy.read_text(encoding="utf-8") if policy.exists() else None,
    }


def records(folder: _Path, experiment: str | None = None, *, frame: bool = False) -> Any:
    """The records of a store, as columns.

    Args:
        folder: what ``--out`` was: it has a folder ``records``.
        experiment: of which experiment; of all if None.
        frame: whether to give a `pandas.DataFrame`.

    Returns:
        A dictionary of columns, lists with an entry for each record in the order of experiment and point:
        ``experiment``, ``point``, ``seed``, ``key``, ``code``; what the configuration says under its
        path, ``config.….…``; what was measured, ``measured.…``, numbers or lists of them, NaN for what
        diverged. None where a record has no such entry.

    Raises:
        OSError: if there is no such store.
        ValueError: if a file is no record.
    """
    root = pathlib.Path(folder) / "records"
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not there: {folder} is no store of records")
    rows = []
    for file in sorted(root.glob(f"{experiment or '*'}/*.json")):
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            row = {name: record[name] for name in ("experiment", "point", "seed", "key", "code")}
            _flatten("config", record["config"], row)
            measured = record["measurements"]
            for name, number in measured.get("values", {}).items():
                row[f"measured.{name}"] = _number(number)
            for name, numbers in measured.get("series", {}).items():
                row[f"measured.{name}"] = [_number(number) for number in numbers]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{file} is no record: {error!r}") from None
        rows.append(row)
    rows.sort(key=lambda row: (row["experiment"], row["point"], row["seed"]))
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    if not frame:
        return columns
    import pandas

    return pandas.DataFrame(columns)


def _number(value):
    """JSON has no number for what diverged, and writes null."""
    return float("nan") if value is None else value


def _flatten(path, value, row):
    """Entries of nested dictionaries under their paths; lists stay lists."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            _flatten(f"{path}.{name}", inner, row)
    else:
        row[path] = value
