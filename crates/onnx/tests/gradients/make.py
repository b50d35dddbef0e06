"""Makes the networks of this folder: MODEL/model.onnx, and MODEL/io.npz with inputs, the output y in
training, what it is weighed with (c), and the gradient of sum(c * y) by each parameter as "grad:NAME".

Install: pip install torch onnx numpy   (made with the versions in versions.txt)
Use: python make.py   in this folder
"""
import os
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = F.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 2)
        x = F.leaky_relu(self.conv2(x), 0.1)
        return self.fc(x.mean((2, 3)))


class Mobile(nn.Module):
    def __init__(self):
        super().__init__()
        self.expand, self.depth = nn.Conv2d(4, 8, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.squeeze, self.excite = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.project, self.fc = nn.Conv2d(8, 4, 1), nn.Linear(4, 3)

    def forward(self, x):
        y = F.relu6(3 * self.expand(x))
        y = F.hardswish(self.depth(y))
        s = F.hardsigmoid(self.excite(torch.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        x = x + self.project(y * s)
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 6, num_layers=2, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(12, 3)

    def forward(self, x):
        y, _ = self.lstm(x)
        return self.fc(y)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, activation="gelu")
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        return self.fc(self.block(x).mean(1))


class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(11, 8), nn.Parameter(torch.randn(1, 16, 8))
        self.norm = nn.LayerNorm(8)
        self.query, self.key, self.value = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.out, self.pooler, self.fc = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, ids):
        x = self.norm(self.words(ids) + self.places[:, : ids.shape[1]])
        heads = lambda y: y.view(y.shape[0], y.shape[1], 2, 4).transpose(1, 2)
        q, k, v = heads(self.query(x)), heads(self.key(x)), heads(self.value(x))
        a = torch.softmax(q @ k.transpose(2, 3) / 2.0, -1) @ v
        x = x + self.out(a.transpose(1, 2).reshape(x.shape))
        return self.fc(torch.tanh(self.pooler(x[:, 0])))


class Unet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.deep = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
        self.up, self.last = nn.ConvTranspose2d(8, 4, 2, stride=2), nn.Conv2d(8, 2, 3, padding=1)

    def forward(self, x):
        a = torch.relu(self.down(x))
        b = torch.relu(self.deep(F.max_pool2d(a, 2)))
        return self.last(torch.cat([a, self.up(b)], 1))


NETWORKS = {
    "mlp": (Mlp, (2, 6)),
    "cnn": (Cnn, (3, 3, 8, 8)),
    "mobilenet": (Mobile, (2, 4, 6, 6)),
    "lstm": (Lstm, (3, 7, 5)),
    "transformer": (Transformer, (2, 5, 8)),
    "bert": (Bert, (2, 9)),
    "unet": (Unet, (2, 1, 8, 8)),
}


def make(name):
    torch.manual_seed(2023)
    network, shape = NETWORKS[name]
    model = network()
    for p in model.parameters():  # the exporter joins tensors of equal numbers, as those of fresh norms
        if p.dim() == 1:
            nn.init.normal_(p, 0.5, 0.2)
    x = torch.randint(0, 11, shape) if name == "bert" else torch.randn(shape)
    os.makedirs(name, exist_ok=True)
    axes = {0: "batch", 1: "time"} if name in ("lstm", "bert") else {0: "batch"}
    torch.onnx.export(
        model.eval(), (x,), f"{name}/model.onnx", dynamo=False, do_constant_folding=False,
        training=torch.onnx.TrainingMode.PRESERVE, input_names=["x"], output_names=["y"],
        dynamic_axes={"x": axes, "y": {0: "batch"}}, opset_version=17,
    )
    y = model.train()(x)
    c = torch.randn(y.shape)
    (c * y).sum().backward()
    grads = {f"grad:{key}": p.grad.numpy() for key, p in model.named_parameters()}
    np.savez(f"{name}/io.npz", x=x.numpy(), y=y.detach().numpy(), c=c.numpy(), **grads)


for name in NETWORKS:
    make(name)
with open("versions.txt", "w") as file:
    file.write(f"torch {torch.__version__}, numpy {np.__version__}\n")
