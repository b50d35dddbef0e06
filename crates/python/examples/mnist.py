"""A perceptron on MNIST in stochastic ⟨8,8⟩, and on tiles of phase-change memory through a year."""

import gzip, pathlib, sys, numpy, torch
from dither.torch import age, convert, program, tiles

DATA = pathlib.Path(__file__).parents[2] / "datasets/data/mnist"
EPOCHS = float(sys.argv[1]) if len(sys.argv) > 1 else 2

def read(part):
    def values(name): return numpy.frombuffer(gzip.open(DATA / f"{part}-{name}-ubyte.gz").read(), numpy.uint8)
    images, labels = values("images-idx3")[16:].reshape(-1, 784), values("labels-idx1")[8:]
    return torch.tensor(images / numpy.float32(255)), torch.tensor(labels.astype(numpy.int64))

def trained(policy):
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))
    model = convert(model, policy, seed=1)  # the one line
    optimizer = torch.optim.SGD(model.parameters(), lr=0.002)
    order = torch.cat([torch.randperm(len(x)) for _ in range(-int(-EPOCHS // 1))])[: int(EPOCHS * len(x))]
    for rows in order.split(100):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x[rows]), y[rows], reduction="sum").backward()
        optimizer.step()
    return model.eval()

def accuracy(model):
    with torch.no_grad(): return 100 * float((model(unseen).argmax(1) == answers).float().mean())

(x, y), (unseen, answers) = read("train"), read("t10k")
print(f"float32: {accuracy(trained('float32')):.2f} %")
print(f"stochastic <8,8>: {accuracy(trained('<8,8>')):.2f} %")
model = trained(tiles("standard-pcm", weight_noise=3.0))
program(model, seed=1)
for when, t_s in [("a second", 1.0), ("an hour", 3600.0), ("a day", 86400.0), ("a year", 31536000.0)]:
    age(model, t_s)
    print(f"tiles, {when} after programming: {accuracy(model):.2f} %")
