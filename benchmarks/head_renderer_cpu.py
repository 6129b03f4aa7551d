"""Time of the head renderer on one thread, beside a plain loop over the same network.

The plain loop encodes the source for every frame, as the reference does, and runs the network
as it is stored. Weights are random; processor time is taken, so other work does not count.

    python benchmarks/head_renderer_cpu.py
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from masktalk.head_renderer import HeadGenerator, fold_norms, use_winograd

_SIDE, _RUNS = 256, 2


def random_generator() -> HeadGenerator:
    """Return a full-size generator whose activations stay in range."""
    torch.manual_seed(0)
    network = HeadGenerator().eval()
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if not value.is_floating_point():
                continue
            if value.ndim > 1:
                value.copy_((2 * torch.rand_like(value) - 1) * (3 / value[0].numel()) ** 0.5)
            elif key.endswith(("weight_u", "weight_v")):
                value.copy_(torch.nn.functional.normalize(torch.rand_like(value), dim=0))
            else:
                value.fill_(0.0 if key.endswith(("bias", "running_mean")) else 1.0)
    return network


def seconds(run: Callable[[], Tensor]) -> float:
    """Return the least processor seconds of a few runs after a first one."""
    run()
    spent = []
    for _ in range(_RUNS):
        begun = time.process_time()
        run()
        spent.append(time.process_time() - begun)
    return min(spent)


@torch.inference_mode()
def main() -> None:
    """Print seconds a frame and their ratios."""
    torch.set_num_threads(1)
    network = random_generator()
    image = torch.rand(1, 3, _SIDE, _SIDE)
    source = torch.rand(1, 15, 3) - 0.5
    driving = source + 0.03
    plain = seconds(lambda: network(network.encode(image), source, driving))
    fast = use_winograd(fold_norms(network))
    features = network.encode(image)
    ours = seconds(lambda: fast(features, source, driving))
    sys.stdout.write(json.dumps({"plain_s": plain, "ours_s": ours, "ratio": ours / plain}) + "\n")


if __name__ == "__main__":
    main()
