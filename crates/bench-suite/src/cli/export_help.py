# From a PyTorch model to model.onnx, io.npz and data.npz. Yours are: model, x, and the two data sets.
import numpy as np
import torch

model.eval()
x = torch.stack([test_set[i][0] for i in range(8)])  # inputs as the model takes them
batch = torch.export.Dim("batch")                     # batches of any size
torch.onnx.export(model, (x,), "model.onnx", dynamo=True, dynamic_shapes=[{0: batch}],
                  input_names=["x"], output_names=["y"], optimize=True)
with torch.no_grad():                                 # what `check` compares with
    np.savez("io.npz", x=x.numpy(), y=model(x).numpy())
for name, examples in [("data", train_set), ("test", test_set)]:
    pairs = [(np.asarray(x), y) for x, y in examples]
    np.savez_compressed(f"{name}.npz", x=np.stack([x for x, _ in pairs]),
                        y=np.array([y for _, y in pairs]))
