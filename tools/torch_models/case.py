# SPDX-License-Identifier: MIT
#
# case.py - one model of tests/data/torch_models: the network, how it is exported, and the inputs
# that its golden outputs are computed for. Tests: tests/models/test_torch_models.c.

"""What describes a model; see tools/make_torch_models.py."""

from dataclasses import dataclass, field

import torch


@dataclass
class Case:
    """A network, its ports and its cases."""
    network: torch.nn.Module
    outputs: list               # names, in the order of forward's results
    cases: list                 # dicts, input name -> tensor; forward takes them in this order
    opset: int = 13
    dynamic: dict = field(default_factory=dict)  # name -> {axis: symbol}
    fold: bool = True           # False: batch norms stay nodes of their own
    half: bool = True           # also write model_f16.onnx
    example: int = 0            # the case that the export is traced with
    finish: object = None       # appends nodes to the exported model: finish(onnx_model)
    answer: object = None       # outputs of a case where they are not forward's: answer(inputs)
    traced: list = None         # names of forward's results where `finish` adds others


def spread(network, seed_scale=0.2):
    """PyTorch starts many biases at 0, norms at 1 and statistics at 0 and 1: a slip there would
    hide."""
    network.eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() <= 1:
                parameter += seed_scale * torch.randn_like(parameter)
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(0.3 * torch.randn_like(buffer))
            if name.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand_like(buffer))
    return network


def tokens(batch, length, vocab, least=1):
    return torch.randint(least, vocab, (batch, length))


def padding(batch, length, dtype=torch.int64):
    """1 for tokens and 0 for padding; the rows of a batch end one after the other."""
    mask = torch.ones(batch, length, dtype=dtype)
    for row in range(1, batch):
        mask[row, max(1, length - 2 * row):] = 0
    return mask
