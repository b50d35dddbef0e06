"""The test error in PyTorch of weights that were trained here, of networks whose files are known.

python accuracy.py NAME WEIGHTS.safetensors IMAGES LABELS     (torch, safetensors)

IMAGES and LABELS are IDX files; prints how many of how many are wrong. The modules are those of the files
NAME/model.onnx: what an exporter folded into a convolution is its bias.
"""

import sys

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

MEAN, STD = 0.1307, 0.3081


def convolution(inputs, outputs, kernel=3, **options):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, **options))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = convolution(1, 16, stride=2)
        self.d = convolution(16, 16, groups=16)
        self.p = convolution(16, 16, 1)
        self.b = convolution(16, 32, stride=2)
        self.c = convolution(32, 32)
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        x = torch.relu(self.a(x))
        x = torch.relu(x + self.p(torch.relu(self.d(x))))
        x = torch.relu(self.b(x))
        x = torch.relu(x + self.c(x))
        return self.fc(x.mean((2, 3)))


class Recurrent(nn.Module):
    """The rows of an image, one after another."""

    def __init__(self):
        super().__init__()
        self.r = nn.GRU(28, 64, batch_first=True)
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(self.r(x.reshape(-1, 28, 28))[0][:, -1])


NETWORKS = {"mnist-residual": Residual, "mnist-gru": Recurrent}


def main(name, weights, images, labels):
    model = NETWORKS[name]()
    # The exporter of PyTorch has a name of its own for the bias that it makes of a normalisation.
    named = {key.replace(".weight_bias", ".bias"): value for key, value in load_file(weights).items()}
    model.load_state_dict(named)
    model.eval()
    pixels = np.fromfile(images, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    labels = torch.tensor(np.fromfile(labels, np.uint8, offset=8).astype(np.int64))
    with torch.no_grad():
        x = (torch.tensor(pixels.astype(np.float32)) / 255 - MEAN) / STD
        wrong = int((model(x).argmax(1) != labels).sum())
    print(f"{wrong} of {len(labels)} are wrong")


if __name__ == "__main__":
    main(*sys.argv[1:])
