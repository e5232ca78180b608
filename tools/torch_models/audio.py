# SPDX-License-Identifier: MIT
#
# audio.py - networks that walk along time: recurrent taggers, a Conformer-like speech encoder.

"""Sequence models for tools/make_torch_models.py."""

import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .case import Case, spread, tokens


class LstmTagger(nn.Module):
    """Two layers in both directions over packed sequences. The states that they begin with are
    given, since the exporter would keep the batch of those that PyTorch makes."""

    def __init__(self, vocab=40, width=16, hidden=12, tags=7):
        super().__init__()
        self.embed = nn.Embedding(vocab, width, padding_idx=0)
        self.lstm = nn.LSTM(width, hidden, 2, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, tags)

    def forward(self, input_ids, lengths):
        x = pack_padded_sequence(self.embed(input_ids), lengths, batch_first=True)
        state = torch.zeros(4, lengths.size(0), self.lstm.hidden_size)
        x, _ = self.lstm(x, (state, state))
        x, _ = pad_packed_sequence(x, batch_first=True)
        return F.log_softmax(self.out(x), dim=-1)


def lstm_tagger():
    def case(*lengths):
        ids = tokens(len(lengths), lengths[0], 40)
        for row, length in enumerate(lengths):
            ids[row, length:] = 0
        return {"input_ids": ids, "lengths": torch.tensor(lengths)}
    return Case(spread(LstmTagger()), ["tags"], [case(9, 7, 4), case(1), case(23, 23), case(12)],
                opset=11, dynamic={"input_ids": {0: "batch", 1: "sequence"},
                                   "lengths": {0: "batch"}, "tags": {0: "batch", 1: "sequence"}})


class GruTagger(nn.Module):
    """Both directions, with the state handed in and out; sequence first."""

    def __init__(self, width=10, hidden=14, tags=5):
        super().__init__()
        self.gru = nn.GRU(width, hidden, 1, bidirectional=True)
        self.top, self.out = nn.GRU(2 * hidden, hidden), nn.Linear(hidden, tags)

    def forward(self, frames, state):
        x, last = self.gru(frames, state)
        x, _ = self.top(x)
        return self.out(x), last


def gru_tagger():
    def case(batch, length):
        return {"frames": torch.randn(length, batch, 10), "state": torch.randn(2, batch, 14)}
    return Case(spread(GruTagger()), ["tags", "last"], [case(3, 8), case(1, 1), case(2, 30)],
                opset=13, dynamic={"frames": {0: "sequence", 1: "batch"}, "state": {1: "batch"},
                                   "tags": {0: "sequence", 1: "batch"}, "last": {1: "batch"}})


class LstmStream(nn.Module):
    """A one-directional LSTM whose states pass from call to call, and a tanh RNN behind it."""

    def __init__(self, width=8, hidden=16):
        super().__init__()
        self.lstm = nn.LSTM(width, hidden, batch_first=True)
        self.rnn = nn.RNN(hidden, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, frames, h, c):
        x, (h, c) = self.lstm(frames, (h, c))
        x, _ = self.rnn(x)
        return torch.sigmoid(self.out(x)).squeeze(-1), h, c


def lstm_stream():
    def case(batch, length):
        return {"frames": torch.randn(batch, length, 8), "h": torch.randn(1, batch, 16),
                "c": torch.randn(1, batch, 16)}
    return Case(spread(LstmStream()), ["probability", "h_out", "c_out"],
                [case(2, 5), case(1, 1), case(1, 40)], opset=16,
                dynamic={"frames": {0: "batch", 1: "sequence"}, "h": {1: "batch"},
                         "c": {1: "batch"}, "probability": {0: "batch", 1: "sequence"},
                         "h_out": {1: "batch"}, "c_out": {1: "batch"}})


class RelativeAttention(nn.Module):
    """Transformer-XL's: content and position scores, shifted by pad and reshape."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.p = nn.Linear(width, width, bias=False)
        self.u = nn.Parameter(torch.randn(heads, self.size) * 0.3)
        self.w = nn.Parameter(torch.randn(heads, self.size) * 0.3)

    def shift(self, x):
        b, h, qlen, plen = x.size()
        x = F.pad(x, pad=(1, 0)).view(b, h, -1, qlen)
        return x[:, :, 1:].view(b, h, qlen, plen)

    def forward(self, x, places, mask):
        batch = x.size(0)
        q = self.q(x).view(batch, -1, self.heads, self.size)
        k = self.k(x).view(batch, -1, self.heads, self.size).transpose(1, 2)
        v = self.v(x).view(batch, -1, self.heads, self.size).transpose(1, 2)
        p = self.p(places).view(places.size(0), -1, self.heads, self.size).transpose(1, 2)
        content = torch.matmul((q + self.u).transpose(1, 2), k.transpose(-2, -1))
        place = self.shift(torch.matmul((q + self.w).transpose(1, 2), p.transpose(-2, -1)))
        scores = (content + place[:, :, :, :content.size(-1)]) / math.sqrt(self.size)
        hidden = mask.unsqueeze(1).eq(0)
        scores = scores.masked_fill(hidden, -10000.0)
        weights = torch.softmax(scores, dim=-1).masked_fill(hidden, 0.0)
        x = torch.matmul(weights, v).transpose(1, 2).reshape(batch, -1, self.heads * self.size)
        return self.o(x)


class ConvModule(nn.Module):
    """Pointwise with GLU, depthwise along time, batch norm, SiLU, pointwise."""

    def __init__(self, width, kernel):
        super().__init__()
        self.one, self.two = nn.Conv1d(width, 2 * width, 1), nn.Conv1d(width, width, 1)
        self.depth = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width, bias=False)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x, mask):
        x = F.glu(self.one(x.transpose(1, 2)), dim=1)
        x = x.masked_fill(mask.eq(0), 0.0)
        return self.two(F.silu(self.norm(self.depth(x)))).transpose(1, 2)


class ConformerBlock(nn.Module):
    def __init__(self, width, heads, kernel):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(5))
        self.first, self.second = (nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(),
                                                 nn.Linear(2 * width, width)) for _ in range(2))
        self.attention, self.conv = RelativeAttention(width, heads), ConvModule(width, kernel)

    def forward(self, x, places, mask):
        x = x + 0.5 * self.first(self.norms[0](x))
        x = x + self.attention(self.norms[1](x), places, mask)
        x = x + self.conv(self.norms[2](x), mask)
        x = x + 0.5 * self.second(self.norms[3](x))
        return self.norms[4](x)


class Conformer(nn.Module):
    """Subsampling by convolutions, relative attention, a CTC head."""

    def __init__(self, bins=20, width=20, heads=2, tokens_=11, reach=64):
        super().__init__()
        self.width = width
        self.sub = nn.Sequential(nn.Conv2d(1, 6, 3, 2), nn.ReLU(), nn.Conv2d(6, 6, 3, 2), nn.ReLU())
        self.into = nn.Linear(6 * (((bins - 1) // 2 - 1) // 2), width)
        self.blocks = nn.ModuleList(ConformerBlock(width, heads, 7) for _ in range(2))
        self.head = nn.Linear(width, tokens_)
        place = torch.arange(reach - 1, -reach, -1.0).unsqueeze(1)
        rates = torch.exp(torch.arange(0, width, 2) * -(math.log(10000.0) / width))
        table = torch.zeros(2 * reach - 1, width)
        table[:, 0::2], table[:, 1::2] = torch.sin(place * rates), torch.cos(place * rates)
        self.register_buffer("table", table.unsqueeze(0))

    def forward(self, features, lengths):
        x = self.sub(features.unsqueeze(1))
        b, c, t, f = x.size()
        x = self.into(x.transpose(1, 2).contiguous().view(b, t, c * f)) * math.sqrt(self.width)
        centre = self.table.size(1) // 2 + 1
        places = self.table[:, centre - t:centre + t - 1]
        lengths = torch.div(torch.div(lengths - 1, 2, rounding_mode="floor") - 1, 2,
                            rounding_mode="floor")
        mask = (torch.arange(t)[None, :] < lengths[:, None]).unsqueeze(1)
        for block in self.blocks:
            x = block(x, places, mask)
        return self.head(x).log_softmax(2), lengths


def conformer():
    def case(length, *lengths):
        return {"features": torch.randn(len(lengths), length, 20),
                "lengths": torch.tensor(lengths)}
    return Case(spread(Conformer()), ["log_probs", "out_lengths"],
                [case(40, 40, 31), case(64, 64), case(11, 11, 8, 7)], opset=15,
                dynamic={"features": {0: "batch", 1: "time"}, "lengths": {0: "batch"},
                         "log_probs": {0: "batch", 1: "frames"}, "out_lengths": {0: "batch"}})


class WaveEncoder(nn.Module):
    """wav2vec 2.0's front: strided convolutions over samples, group norm, a positional convolution
    with groups and an even kernel."""

    def __init__(self):
        super().__init__()
        self.one, self.norm = nn.Conv1d(1, 16, 10, 5, bias=False), nn.GroupNorm(16, 16)
        self.two, self.three = (nn.Conv1d(16, 16, 3, 2, bias=False) for _ in range(2))
        self.layer_norm, self.project = nn.LayerNorm(16), nn.Linear(16, 24)
        self.places = nn.utils.weight_norm(nn.Conv1d(24, 24, 8, padding=4, groups=4), dim=2)
        self.head = nn.Linear(24, 9)

    def forward(self, samples):
        x = (samples - samples.mean(-1, keepdim=True)) / torch.sqrt(
            samples.var(-1, keepdim=True, unbiased=False) + 1e-5)
        x = F.gelu(self.norm(self.one(x[:, None])))
        x = F.gelu(self.three(F.gelu(self.two(x))))
        x = self.project(self.layer_norm(x.transpose(1, 2)))
        x = x + F.gelu(self.places(x.transpose(1, 2))[:, :, :-1]).transpose(1, 2)
        return self.head(F.elu(x))


def wave_encoder():
    cases = [{"samples": torch.randn(n, length)} for n, length in ((2, 400), (1, 1601), (1, 60))]
    return Case(spread(WaveEncoder()), ["logits"], cases, opset=13,
                dynamic={"samples": {0: "batch", 1: "samples"},
                         "logits": {0: "batch", 1: "frames"}})


MODELS = (lstm_tagger, gru_tagger, lstm_stream, conformer, wave_encoder)
