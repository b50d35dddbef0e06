"""Trains a small network on MNIST in PyTorch and exports it: model.onnx, io.npz.

python docs/examples/own/make.py        (torch, onnx, onnxscript, numpy; a minute)
"""

import gzip
from pathlib import Path

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).parent
MNIST = HERE.parents[2] / "crates" / "datasets" / "data" / "mnist"
MEAN, STD = 0.1307, 0.3081


def read(name, header, shape):
    with gzip.open(MNIST / name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header).reshape(shape)


def images(name):
    pixels = torch.tensor(read(name, 16, (-1, 1, 28, 28)).astype(np.float32) / 255)
    return (pixels - MEAN) / STD


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.fc1 = nn.Linear(16 * 7 * 7, 32)
        self.fc2 = nn.Linear(32, 10)

    def forward(self, x):
        x = self.conv1(x).relu()
        x = self.conv2(x).relu()
        x = self.fc1(x.flatten(1)).relu()
        return self.fc2(x)


def main():
    torch.manual_seed(0)
    train, labels = images("train-images-idx3-ubyte.gz"), read("train-labels-idx1-ubyte.gz", 8, (-1,))
    test, test_labels = images("t10k-images-idx3-ubyte.gz"), read("t10k-labels-idx1-ubyte.gz", 8, (-1,))
    labels, test_labels = (torch.tensor(y.astype(np.int64)) for y in (labels, test_labels))
    model, epochs, batch = Network(), 6, 100
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(train) // batch)
    for _ in range(epochs):
        for some in torch.randperm(len(train)).split(batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(train[some]), labels[some]).backward()
            optimizer.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        wrong = int((model(test).argmax(1) != test_labels).sum())
        print(f"{wrong} of {len(test)} test images are wrong")
        x = test[:4]
        np.savez_compressed(HERE / "io.npz", x=x.numpy(), logits=model(x).numpy())
    torch.onnx.export(
        model, (x,), HERE / "model.onnx", dynamo=True, external_data=False,
        dynamic_shapes=[{0: torch.export.Dim("batch")}],
        input_names=["x"], output_names=["logits"],
    )


if __name__ == "__main__":
    main()
