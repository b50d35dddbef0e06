"""Writes golden values of PyTorch layers: outputs and gradients on small inputs.

Made with torch 2.10.0+cu128, Python 3.11.7. Run by hand; CI only reads the files:

    python make.py [vision | sequence]

One safetensors file per module `NAME.py` beside this one, whose `cases(g)` calls `g.case`. Of each
case the file holds, in f32, `CASE/input/NAME`, `CASE/output`, `CASE/gradient/NAME` for inputs and
parameters, `CASE/parameter/NAME`, `CASE/state/NAME` before and `CASE/state_after/NAME` after the
pass; the metadata holds CASE → its configuration as JSON. Images (N, C, H, W) and sequences
(N, C, L) are stored channels-last; parameters as PyTorch has them. The loss behind the gradients is
Σ w·output with w_i = cos(i) in the stored order.
"""

import importlib
import json
import struct
import sys

import torch


def save_file(tensors, path, metadata):
    """The safetensors format: length of the header, header in JSON, f32 data."""
    header, data = {"__metadata__": metadata}, b""
    for name, tensor in sorted(tensors.items()):
        values = tensor.numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    header = json.dumps(header).encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(header)) + header + data)



class Golden:
    def __init__(self):
        self.tensors, self.configs = {}, {}

    def image(self, n, c, h, w):
        return torch.randn(n, c, h, w)

    def sequence(self, n, c, length):
        return torch.randn(n, c, length)

    def put(self, name, tensor, channels_last=True):
        tensor = tensor.detach().to(torch.float32)
        if channels_last and tensor.dim() in (3, 4) and self.move:
            tensor = tensor.movedim(1, -1)
        self.tensors[name] = tensor.contiguous().clone()

    def case(self, name, config, inputs, f, channels_last=True):
        """Runs f(*inputs), a module or a function, and keeps everything."""
        self.move = channels_last
        self.configs[name] = json.dumps(config)
        inputs = {k: v.clone().requires_grad_(v.is_floating_point()) for k, v in inputs.items()}
        module = isinstance(f, torch.nn.Module)
        states = dict(f.named_buffers()) if module else {}
        for k, v in states.items():
            self.put(f"{name}/state/{k}", v)
        output = f(*inputs.values())
        if isinstance(output, tuple):
            output = output[0]
        stored = output.movedim(1, -1) if self.move and output.dim() in (3, 4) else output
        weights = torch.cos(torch.arange(stored.numel(), dtype=torch.float64)).to(torch.float32)
        (stored * weights.reshape(stored.shape)).sum().backward()
        self.put(f"{name}/output", output)
        for k, v in inputs.items():
            self.put(f"{name}/input/{k}", v)
            if v.grad is not None:
                self.put(f"{name}/gradient/{k}", v.grad)
        if module:
            for k, v in f.named_parameters():
                self.put(f"{name}/parameter/{k}", v, channels_last=False)
                self.put(f"{name}/gradient/{k}", v.grad, channels_last=False)
            for k, v in f.named_buffers():
                self.put(f"{name}/state_after/{k}", v)


for module in sys.argv[1:] or ["vision", "sequence"]:
    torch.manual_seed(2015)
    golden = Golden()
    importlib.import_module(module).cases(golden)
    save_file(golden.tensors, f"{module}.safetensors", metadata=golden.configs)
    print(f"{module}.safetensors: {len(golden.configs)} cases, torch {torch.__version__}")
