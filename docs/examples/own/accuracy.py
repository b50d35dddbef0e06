"""The test error in PyTorch of weights that were trained here.

python docs/examples/own/accuracy.py WEIGHTS.safetensors IMAGES LABELS     (torch, safetensors)

IMAGES and LABELS are IDX files, packed or not; prints how many of how many are wrong.
"""

import gzip
import sys

import numpy as np
import torch
from safetensors.torch import load_file

from make import MEAN, STD, Network


def read(path, header, shape):
    with open(path, "rb") as file:
        content = file.read()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def main(weights, images, labels):
    model = Network()
    model.load_state_dict(load_file(weights))
    model.eval()
    pixels = torch.tensor(read(images, 16, (-1, 1, 28, 28)).astype(np.float32) / 255)
    labels = torch.tensor(read(labels, 8, (-1,)).astype(np.int64))
    with torch.no_grad():
        wrong = int((model((pixels - MEAN) / STD).argmax(1) != labels).sum())
    print(f"{wrong} of {len(labels)} are wrong")


if __name__ == "__main__":
    main(*sys.argv[1:])
