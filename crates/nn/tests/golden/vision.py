"""Golden values of convolutions, pools, batch normalisation and losses. Started by make.py."""

import torch
from torch import nn
import torch.nn.functional as F


def cases(g):
    """`g.case(name, config, inputs, f)`: see make.py. Images are channels-last in the file."""
    for name, (cin, cout, kernel, stride, padding, dilation, groups) in {
        "plain": (3, 4, 3, 1, 0, 1, 1),
        "padded": (3, 5, 3, 1, 1, 1, 1),
        "strided": (2, 9, 3, 2, 1, 1, 1),
        "strided-5": (4, 3, 5, 3, 2, 1, 1),
        "dilated": (2, 3, 3, 1, 2, 2, 1),
        "dilated-strided": (2, 3, 2, 2, 1, 3, 1),
        "grouped": (4, 6, 3, 1, 1, 1, 2),
        "point": (5, 17, 1, 1, 0, 1, 1),
        "point-strided": (5, 8, 1, 2, 0, 1, 1),
    }.items():
        conv = nn.Conv2d(cin, cout, kernel, stride, padding, dilation, groups)
        config = dict(inputs=cin, outputs=cout, kernel=kernel, stride=stride, padding=padding,
                      dilation=dilation, groups=groups)
        g.case(f"conv2d/{name}", config, {"x": g.image(2, cin, 9, 8)}, conv)
    conv = nn.Conv1d(3, 4, 5, 2, 2)
    config = dict(inputs=3, outputs=4, kernel=5, stride=2, padding=2, dilation=1, groups=1)
    g.case("conv1d/strided", config, {"x": g.sequence(2, 3, 11)}, conv)
    for name, kernel, stride, padding, ceil in [
        ("2", 2, 2, 0, False), ("3-padded", 3, 2, 1, False), ("3-ceil", 3, 2, 0, True),
    ]:
        config = dict(kernel=kernel, stride=stride, padding=padding, ceil=ceil)
        x = g.image(2, 3, 8, 7)
        g.case(f"max_pool/{name}", config, {"x": x}, nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil))
        g.case(f"average_pool/{name}", config, {"x": x}, nn.AvgPool2d(kernel, stride, padding, ceil_mode=ceil))
    for size in [(1, 1), (3, 2), (4, 7)]:
        config = dict(height=size[0], width=size[1])
        g.case(f"adaptive_average_pool/{size[0]}x{size[1]}", config, {"x": g.image(2, 3, 8, 7)},
               nn.AdaptiveAvgPool2d(size))
    for mode in ["train", "eval"]:
        bn = nn.BatchNorm2d(4)
        with torch.no_grad():
            for p in [bn.weight, bn.bias, bn.running_mean]:
                p.normal_()
            bn.running_var.uniform_(0.5, 2.0)
        bn.train(mode == "train")
        g.case(f"batch_norm/{mode}", {}, {"x": 2.0 * g.image(3, 4, 5, 4) + 1.0}, bn)
    for name, f in [("relu", F.relu), ("gelu", F.gelu), ("tanh", torch.tanh), ("sigmoid", torch.sigmoid)]:
        g.case(f"activation/{name}", {}, {"x": 3.0 * torch.randn(4, 7)}, f)
    labels = torch.tensor([0, 4, 2, 2])
    g.case("cross_entropy/mean", {"labels": labels.tolist()}, {"x": 3.0 * torch.randn(4, 5)},
           lambda x: F.cross_entropy(x, labels))
