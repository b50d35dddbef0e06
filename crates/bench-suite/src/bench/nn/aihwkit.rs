//! Steps of hardware-aware training against AIHWKit's, one thread each: the simulation with
//! everything of [Rasch23 Supp. Tab. 1], and its lighter sibling, which leaves out IR drop and
//! read noise.
//!
//! They take part if `DITHER_TORCH_PYTHON` names a Python that has `aihwkit` or
//! `aihwkit_lightning`. Injected noise of the weights is N(0, 0.06) there, because the noise of PCM
//! is drawn on a GPU only.

use super::hardware_aware::{LinearLayer, analog};
use super::vision::Network;
use crate::bench::row::{Measured, Row, Unmeasured};

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "hwa_step_linear_aihwkit",
        what: "hardware-aware step of a 512 × 512 layer, batch 1024, against AIHWKit",
        target: 20.0,
        measure: || linear(AIHWKIT, 5),
    },
    Row {
        name: "hwa_step_mnist_cnn_aihwkit",
        what: "hardware-aware step of Gupta's MNIST network, batch 100, against AIHWKit",
        target: 9.0,
        measure: || mnist_cnn(AIHWKIT, 7),
    },
    Row {
        name: "hwa_step_linear_aihwkit_lightning",
        what: "hardware-aware step of a 512 × 512 layer, batch 1024, against AIHWKit-Lightning",
        target: 1.0,
        measure: || linear(LIGHTNING, 15),
    },
    Row {
        name: "hwa_step_mnist_cnn_aihwkit_lightning",
        what: "hardware-aware step of Gupta's MNIST network, batch 100, against AIHWKit-Lightning",
        target: 1.0,
        measure: || mnist_cnn(LIGHTNING, 15),
    },
];

/// Defines `linear`, `conv` and `optimizer_of`.
const AIHWKIT: &str = "
import warnings
warnings.filterwarnings('ignore')
from aihwkit.nn import AnalogConv2d, AnalogLinear
from aihwkit.optim import AnalogSGD
from aihwkit.simulator.parameters.enums import WeightModifierType
from aihwkit.simulator.presets import StandardHWATrainingPreset
def tile():
    config = StandardHWATrainingPreset()
    config.modifier.type, config.modifier.std_dev = WeightModifierType.ADD_NORMAL, 0.06
    return config
def linear(i, o): return AnalogLinear(i, o, rpu_config=tile())
def conv(i, o): return AnalogConv2d(i, o, 5, padding=2, rpu_config=tile())
def optimizer_of(model): return AnalogSGD(model.parameters(), lr=0.01)
";

/// Defines the same.
const LIGHTNING: &str = "
import warnings
warnings.filterwarnings('ignore')
from aihwkit_lightning.nn import AnalogConv2d, AnalogLinear
from aihwkit_lightning.simulator.configs import TorchInferenceRPUConfig, WeightModifierType
def tile():
    config = TorchInferenceRPUConfig()
    config.forward.inp_res, config.forward.out_noise = 254, 0.04
    config.forward.out_noise_per_channel = True
    config.pre_post.input_range.enable = True
    config.modifier.type, config.modifier.std_dev = WeightModifierType.ADD_NORMAL, 0.06
    config.mapping.max_input_size = 512
    return config
def linear(i, o): return AnalogLinear(i, o, rpu_config=tile())
def conv(i, o): return AnalogConv2d(i, o, 5, padding=2, rpu_config=tile())
def optimizer_of(model): return torch.optim.SGD(model.parameters(), lr=0.01)
";

fn linear(peer: &str, rounds: usize) -> Result<Measured, Unmeasured> {
    let program = format!(
        "{peer}
model = linear(512, 512)
optimizer = optimizer_of(model)
x = (torch.randn(1024, 512) * 0.3).requires_grad_(True)
def step():
    optimizer.zero_grad()
    y = model(x)
    (y * y).mean().backward()
    optimizer.step()
"
    );
    let mut ours = LinearLayer::new(analog());
    ours.check()?;
    super::torch::against_torch(rounds, &program, || {
        ours.step();
    })
}

fn mnist_cnn(peer: &str, rounds: usize) -> Result<Measured, Unmeasured> {
    let program = format!(
        "{peer}
model = nn.Sequential(
    conv(1, 8), nn.ReLU(), nn.MaxPool2d(2), conv(8, 16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), linear(784, 128), nn.ReLU(), linear(128, 10))
optimizer = optimizer_of(model)
x, y = torch.rand(100, 1, 28, 28), torch.arange(100) % 10
def step():
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
"
    );
    Network::MnistCnn.against_program(rounds, analog(), &program)
}
