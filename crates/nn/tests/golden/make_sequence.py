"""Writes sequence.safetensors: outputs and gradients of small sequence networks by PyTorch.

Not run by any test. Made with Python 3.11, PyTorch 2.10.0 and NumPy 2.4.6:

    python crates/nn/tests/golden/make_sequence.py

Every case CASE has CASE.x (its input), CASE.p.NAME (parameters), CASE.w (weights of the loss
sum(w * y)), CASE.y (its output), CASE.dx and CASE.g.NAME (gradients). Everything is computed in f64
from f32 numbers and stored as f32.
"""

import json
import pathlib
import struct

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(2015)
torch.set_default_dtype(torch.float64)
tensors = {}


def put(name, tensor):
    tensors[name] = tensor.detach().to(torch.float32).contiguous()


def rounded(*shape, scale=1.0):
    """Random numbers that are f32 numbers."""
    return (torch.randn(*shape) * scale).float().double()


def case(name, module, x, run):
    for parameter in module.parameters():
        parameter.data = rounded(*parameter.shape, scale=0.4)
    x = x.requires_grad_()
    y = run(module, x)
    w = rounded(*y.shape)
    (w * y).sum().backward()
    put(f"{name}.x", x)
    put(f"{name}.w", w)
    put(f"{name}.y", y)
    put(f"{name}.dx", x.grad)
    for key, parameter in module.named_parameters():
        put(f"{name}.p.{key}", parameter)
        put(f"{name}.g.{key}", parameter.grad)


for kind, cell in (("lstm", nn.LSTM), ("gru", nn.GRU)):
    two = cell(5, 6, num_layers=2, bidirectional=True, batch_first=True)
    case(f"{kind}", two, rounded(3, 7, 5), lambda m, x: m(x)[0])

    def packed(module, x):
        pack = nn.utils.rnn.pack_padded_sequence(x, [7, 4, 1], batch_first=True)
        return nn.utils.rnn.pad_packed_sequence(module(pack)[0], batch_first=True)[0]

    two = cell(5, 6, num_layers=2, bidirectional=True, batch_first=True)
    case(f"{kind}_lengths", two, rounded(3, 7, 5), packed)

case("layer_norm", nn.LayerNorm(9, eps=1e-5), rounded(4, 9), lambda m, x: m(x))


class Attention(nn.Module):
    """torch.nn.MultiheadAttention with its projections apart."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x, padding=None, mask=None):
        linear = (self.query, self.key, self.value)
        x = x.transpose(0, 1)
        y, _ = F.multi_head_attention_forward(
            x, x, x, x.shape[-1], self.heads,
            torch.cat([m.weight for m in linear]), torch.cat([m.bias for m in linear]),
            None, None, False, 0.0, self.out.weight, self.out.bias,
            key_padding_mask=padding, need_weights=False, attn_mask=mask,
        )
        return y.transpose(0, 1)


padding = torch.arange(5)[None, :] >= torch.tensor([5, 3])[:, None]
causal = torch.triu(torch.ones(5, 5, dtype=torch.bool), diagonal=1)
case("attention", Attention(8, 2), rounded(2, 5, 8), lambda m, x: m(x))
case("attention_padding", Attention(8, 2), rounded(2, 5, 8), lambda m, x: m(x, padding=padding))
case("attention_causal", Attention(8, 2), rounded(2, 5, 8), lambda m, x: m(x, mask=causal))

for pre, kind in ((False, "post"), (True, "pre")):
    activation = "relu" if pre else "gelu"
    block = nn.TransformerEncoderLayer(
        8, 2, 16, dropout=0.0, activation=activation, batch_first=True, norm_first=pre)
    case(f"block_{kind}", block, rounded(2, 5, 8), lambda m, x: m(x, src_key_padding_mask=padding))

table = nn.Embedding(7, 4)
index = torch.tensor([[1, 6, 1], [0, 2, 6]])
case("embedding", table, torch.zeros(1), lambda m, x: m(index) + 0 * x)


def loss(name, x, run):
    x = x.requires_grad_()
    y = run(x)
    y.backward()
    put(f"{name}.x", x)
    put(f"{name}.y", y)
    put(f"{name}.dx", x.grad)


labels = torch.tensor([0, 3, 9, 4, 2])
loss("cross_entropy", rounded(5, 6), lambda x: F.cross_entropy(
    x, labels, ignore_index=9, label_smoothing=0.1))
teacher = rounded(5, 6, scale=3.0)
put("distillation.teacher", teacher)
hard = torch.tensor([0, 3, 5, 4, 2])
loss("distillation", rounded(5, 6, scale=3.0), lambda x: 0.75 * 100 * F.kl_div(
    F.log_softmax(x / 10, -1), F.softmax(teacher / 10, -1), reduction="batchmean")
    + 0.25 * F.cross_entropy(x, hard))
target = rounded(4, 3)
put("mean_squared_error.target", target)
loss("mean_squared_error", rounded(4, 3), lambda x: F.mse_loss(x, target))
said = torch.tensor([[1, 1, 4, 0], [3, 2, 0, 0], [2, 0, 0, 0]])
loss("ctc", rounded(3, 9, 5, scale=2.0), lambda x: F.ctc_loss(
    F.log_softmax(x, -1).transpose(0, 1), said, torch.tensor([9, 6, 1]), torch.tensor([3, 2, 1]),
    reduction="sum") / 3)

header, data = {"__metadata__": {"torch": torch.__version__}}, b""
for name, tensor in sorted(tensors.items()):
    raw = tensor.numpy().tobytes()
    header[name] = {"dtype": "F32", "shape": list(tensor.shape),
                    "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
header = json.dumps(header, sort_keys=True).encode()
header += b" " * (-len(header) % 8)
path = pathlib.Path(__file__).with_name("sequence.safetensors")
path.write_bytes(struct.pack("<Q", len(header)) + header + data)
print(path, path.stat().st_size, "bytes")
