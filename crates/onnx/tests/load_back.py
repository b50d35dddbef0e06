"""PyTorch models that go out as ONNX files and whose weights come back.

    python load_back.py export FOLDER    writes NAME/{model.onnx, theirs.safetensors, io.safetensors}
    python load_back.py compare FOLDER   takes NAME/{ours.safetensors, y.safetensors} and says what differs

`io` has an input x and what the model of `theirs` makes of it, y. `ours` are other weights, and `y` what
the network here makes of x with them. The test `load_back` runs both steps.
"""

import sys
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn


class Pooled(nn.Module):
    """Convolutions in groups and with batch norms."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depth = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.pairs = nn.Conv2d(8, 12, (1, 3), padding=(0, 1), groups=4)
        self.up = nn.ConvTranspose2d(12, 5, 2, stride=2)
        self.fc = nn.Linear(5, 7)

    def forward(self, x):
        x = torch.relu(self.norm(self.stem(x)))
        x = self.up(torch.relu(self.pairs(self.depth(x))))
        return self.fc(x.mean((2, 3)))


class Recurrent(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.rnn = cell(5, 6, num_layers=2, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(12, 4)

    def forward(self, x):
        return self.fc(self.rnn(x)[0])


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.randn(1, 6, 8) / 4)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        return self.fc(self.layers(x + self.place).mean(1))


class Twice(nn.Module):
    """A layer that is used twice."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 6)

    def forward(self, x):
        return self.fc(torch.tanh(self.fc(x)))


def models():
    """Name, model, input, and whether the newer exporter writes it."""
    for name, make, shape, newer in [
        ("pooled", Pooled, (4, 3, 8, 8), [False]),
        ("lstm", lambda: Recurrent(nn.LSTM), (3, 7, 5), [False, True]),
        ("gru", lambda: Recurrent(nn.GRU), (3, 7, 5), [False, True]),
        ("encoder", Encoder, (4, 6, 8), [False, True]),
        ("twice", Twice, (4, 6), [False, True]),
    ]:
        for dynamo in newer:
            torch.manual_seed(1)
            yield f"{name}-dynamo" if dynamo else name, make().eval(), torch.randn(shape), dynamo


def export(folder):
    for name, model, x, dynamo in models():
        to = folder / name
        to.mkdir(parents=True)
        if dynamo:
            # It leaves out biases that are zero, as untrained layers have them.
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(0.0625)
        settings = {"input_names": ["x"], "output_names": ["y"], "dynamo": dynamo}
        if not dynamo:
            settings |= {
                "opset_version": 17,
                "training": torch.onnx.TrainingMode.PRESERVE,
                "do_constant_folding": name != "pooled",
            }
        torch.onnx.export(model, (x,), str(to / "model.onnx"), **settings)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(1.25).add_(torch.randn_like(parameter) / 16)
            for key, buffer in model.named_buffers():
                if "running" in key:
                    buffer.add_(torch.rand_like(buffer))
            y = model(x)
        save_file({"x": x, "y": y}, to / "io.safetensors")
        wide = {k: v.double() if v.is_floating_point() else v for k, v in model.state_dict().items()}
        save_file(wide, to / "theirs.safetensors")


def compare(folder):
    wrong = []
    for name, model, x, _ in models():
        result = model.load_state_dict(load_file(folder / name / "ours.safetensors"), strict=False)
        missing = [k for k in result.missing_keys if not k.endswith("num_batches_tracked")]
        if missing or result.unexpected_keys:
            wrong.append(f"{name}: missing {missing}, unexpected {result.unexpected_keys}")
            continue
        with torch.no_grad():
            y = model(x)
        ours = load_file(folder / name / "y.safetensors")["y"]
        worst = ((y - ours).abs().max() / y.abs().max()).item()
        print(f"{name}: {worst:.1e}")
        if not worst <= 1e-4:
            wrong.append(f"{name}: differs by {worst}")
    if wrong:
        sys.exit("\n".join(wrong))


warnings.filterwarnings("ignore")
{"export": export, "compare": compare}[sys.argv[1]](Path(sys.argv[2]))
