"""Products of AIHWKit 1.1.0 whose inputs pass in one phase, or in one for each polarity.

pip install aihwkit==1.1.0; python aihwkit_phases.py > aihwkit_phases.json
"""

import json

import aihwkit
import numpy as np
import torch
from aihwkit.simulator.configs import InferenceRPUConfig
from aihwkit.simulator.parameters.enums import AnalogMVType, BoundManagementType, NoiseManagementType
from aihwkit.simulator.tiles.inference import InferenceTile


def tile(outputs, inputs, scale, steps, separate):
    rpu = InferenceRPUConfig()
    f = rpu.forward
    f.mv_type = AnalogMVType.POS_NEG_SEPARATE if separate else AnalogMVType.ONE_PASS
    f.inp_res = 1 / steps if steps else -1
    f.inp_bound, f.out_res, f.out_bound = 1.0, -1, 1e6
    f.out_noise, f.w_noise = 0.0, 0.0
    f.ir_drop, f.ir_drop_g_ratio = scale, 571428.57
    f.noise_management, f.bound_management = NoiseManagementType.NONE, BoundManagementType.NONE
    rpu.mapping.weight_scaling_omega = 0.0
    rpu.mapping.max_input_size, rpu.mapping.max_output_size = 0, 0
    return InferenceTile(outputs, inputs, rpu)

rng = np.random.default_rng(1)
cases = []
for outputs, inputs in [(5, 37), (4, 256)]:
    w = rng.uniform(-1, 1, (outputs, inputs)).astype(np.float32)
    x = rng.uniform(-1, 1, (2, inputs)).astype(np.float32)
    case = {"weights": w.tolist(), "inputs": x.tolist(), "products": []}
    for scale in [1.0, 20.0]:
        for steps in [None, 254]:
            product = {"ir_drop_scale": scale, "dac_steps": steps}
            for name, separate in [("two_phases", True), ("one_phase", False)]:
                analog = tile(outputs, inputs, scale, steps, separate)
                analog.set_weights(torch.tensor(w))
                y = analog.tile.forward(torch.tensor(x), False, False, False, True)
                product[name] = y.detach().numpy().tolist()
            case["products"].append(product)
    cases.append(case)
print(json.dumps({"aihwkit": aihwkit.__version__, "cases": cases}))
