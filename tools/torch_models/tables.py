# SPDX-License-Identifier: MIT
#
# tables.py - recommenders: embeddings of categories beside numbers.

"""Recommenders for tools/make_torch_models.py."""

import torch
from torch import nn

from .case import Case, spread

SIZES = (30, 12, 50, 7)


class WideAndDeep(nn.Module):
    """One weight a category and a product of features beside an MLP with batch norms."""

    def __init__(self, numbers=6, width=8):
        super().__init__()
        self.embed = nn.ModuleList(nn.Embedding(size, width) for size in SIZES)
        self.wide = nn.ModuleList(nn.Embedding(size, 1) for size in SIZES)
        into = numbers + width * len(SIZES)
        self.norm = nn.BatchNorm1d(numbers)
        self.deep = nn.Sequential(nn.Linear(into, 48), nn.BatchNorm1d(48), nn.ReLU(),
                                  nn.Dropout(0.1), nn.Linear(48, 24), nn.BatchNorm1d(24),
                                  nn.PReLU(), nn.Linear(24, 1))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, categories, numbers):
        columns = categories.unbind(1)
        vectors = [embed(column) for embed, column in zip(self.embed, columns)]
        wide = torch.stack([weight(column) for weight, column in zip(self.wide, columns)]).sum(0)
        stacked = torch.stack(vectors, dim=1)
        total, squares = stacked.sum(dim=1), (stacked * stacked).sum(dim=1)
        pairs = 0.5 * (total * total - squares).sum(dim=1, keepdim=True)
        deep = self.deep(torch.cat(vectors + [self.norm(numbers)], dim=1))
        return torch.sigmoid(wide + pairs * 0.1 + deep + self.bias).squeeze(1)


def wide_deep():
    def case(batch):
        return {"categories": torch.stack([torch.randint(0, size, (batch,)) for size in SIZES], 1),
                "numbers": torch.randn(batch, 6)}
    return Case(spread(WideAndDeep()), ["click"], [case(5), case(1), case(64)], opset=15,
                dynamic={name: {0: "batch"} for name in ("categories", "numbers", "click")},
                fold=False)


class BagClassifier(nn.Module):
    """The mean of bags of words, exported as a loop over bags."""

    def __init__(self):
        super().__init__()
        self.bag, self.out = nn.EmbeddingBag(60, 16, mode="mean"), nn.Linear(16, 4)

    def forward(self, words, offsets):
        return self.out(self.bag(words, offsets))


def bag_classifier():
    def case(*lengths):
        starts = [sum(lengths[:i]) for i in range(len(lengths))]
        return {"words": torch.randint(0, 60, (sum(lengths),)), "offsets": torch.tensor(starts)}
    return Case(spread(BagClassifier()), ["scores"], [case(4, 2, 6), case(9)], opset=11,
                dynamic={"words": {0: "words"}, "offsets": {0: "bags"}, "scores": {0: "bags"}})


MODELS = (wide_deep, bag_classifier)
