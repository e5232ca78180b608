#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# make_torch_goldens.py - PyTorch's own answers for the networks of examples/: an encoder-decoder
# Transformer, a BERT-shaped encoder, an AlexNet-like CNN and a plain deep network, all with seeded
# random weights. Writes tests/data/torch/ (its README describes the layout). The files are kept in
# git; run this again only to change them:
#
#   apt-get install python3-torch
#   tools/make_torch_goldens.py [OUTPUT_FOLDER]

"""Write PyTorch goldens (weights, inputs, outputs) as folders of .npy files."""

import math
import pathlib
import shutil
import sys

import numpy as np
import torch
from torch import nn


class Translator(nn.Module):
    """Token embedding, sinusoidal positions, nn.Transformer and a final linear layer."""

    def __init__(self, vocab, width, heads, hidden, max_length):
        super().__init__()
        self.width = width
        self.source_embedding = nn.Embedding(vocab, width)
        self.target_embedding = nn.Embedding(vocab, width)
        position = torch.arange(max_length).unsqueeze(1)
        rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        table = torch.zeros(max_length, width)
        table[:, 0::2] = torch.sin(position * rate)
        table[:, 1::2] = torch.cos(position * rate)
        self.register_buffer("positions", table)
        self.transformer = nn.Transformer(
            width, heads, num_encoder_layers=2, num_decoder_layers=2, dim_feedforward=hidden,
            dropout=0.0, batch_first=True)
        self.final = nn.Linear(width, vocab)

    def embed(self, table, tokens):
        return table(tokens) * math.sqrt(self.width) + self.positions[:tokens.shape[1]]

    def forward(self, source, target):
        length = target.shape[1]
        causal = torch.full((length, length), float("-inf")).triu(1)
        result = self.transformer(self.embed(self.source_embedding, source),
                                  self.embed(self.target_embedding, target), tgt_mask=causal)
        return {"logits": self.final(result)}


class BertAttention(nn.Module):
    """Self-attention and the residual norm behind it, with the parameter names of BERT files."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.self = nn.ModuleDict({n: nn.Linear(width, width) for n in ("query", "key", "value")})
        self.output = nn.ModuleDict({"dense": nn.Linear(width, width),
                                     "LayerNorm": nn.LayerNorm(width, eps=1e-12)})

    def forward(self, x, mask):
        batch, length, width = x.shape

        def split(linear):
            return linear(x).view(batch, length, self.heads, width // self.heads).transpose(1, 2)

        query, key, value = (split(self.self[n]) for n in ("query", "key", "value"))
        scores = query @ key.transpose(2, 3) / math.sqrt(width // self.heads) + mask
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, width)
        return self.output["LayerNorm"](self.output["dense"](mixed) + x)


class BertLayer(nn.Module):
    """One encoder layer: attention, then the feed-forward part, each with its residual norm."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.attention = BertAttention(width, heads)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, hidden)})
        self.output = nn.ModuleDict({"dense": nn.Linear(hidden, width),
                                     "LayerNorm": nn.LayerNorm(width, eps=1e-12)})

    def forward(self, x, mask):
        x = self.attention(x, mask)
        inner = nn.functional.gelu(self.intermediate["dense"](x))
        return self.output["LayerNorm"](self.output["dense"](inner) + x)


class Bert(nn.Module):
    """A BERT-shaped encoder with pooler; attention_mask is 1 for tokens and 0 for padding."""

    def __init__(self, vocab, width, heads, hidden, layers, max_length):
        super().__init__()
        self.embeddings = nn.ModuleDict({
            "word_embeddings": nn.Embedding(vocab, width),
            "position_embeddings": nn.Embedding(max_length, width),
            "token_type_embeddings": nn.Embedding(2, width),
            "LayerNorm": nn.LayerNorm(width, eps=1e-12)})
        self.encoder = nn.ModuleDict({
            "layer": nn.ModuleList(BertLayer(width, heads, hidden) for _ in range(layers))})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(width, width)})

    def forward(self, input_ids, token_type_ids, attention_mask):
        positions = torch.arange(input_ids.shape[1])
        x = (self.embeddings["word_embeddings"](input_ids)
             + self.embeddings["position_embeddings"](positions)
             + self.embeddings["token_type_embeddings"](token_type_ids))
        x = self.embeddings["LayerNorm"](x)
        mask = (1.0 - attention_mask[:, None, None, :].float()) * -10000.0
        for layer in self.encoder["layer"]:
            x = layer(x, mask)
        return {"last_hidden_state": x,
                "pooler_output": torch.tanh(self.pooler["dense"](x[:, 0]))}


class AlexNet(nn.Module):
    """AlexNet's layers with fewer channels; dropout is the identity when a network is used."""

    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(16, 24, 3, padding=1), nn.ReLU(),
            nn.Conv2d(24, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2))
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Linear(16 * 3 * 3, 64), nn.ReLU(),
            nn.Dropout(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, classes))

    def forward(self, image):
        return {"scores": self.classifier(self.features(image).flatten(1))}


class Mlp(nn.Module):
    """A plain deep network: linear layers with ReLU between them."""

    def __init__(self, widths):
        super().__init__()
        layers = []
        for left, right in zip(widths, widths[1:]):
            layers += [nn.Linear(left, right), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x):
        return {"y": self.layers(x)}


def save(path, tensor):
    array = tensor.detach().contiguous().numpy()
    assert array.dtype in (np.float32, np.int64), array.dtype
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)


def write(folder, model, config, cases):
    """weights/KEY.npy, config.txt and one folder a case, with input and output tensors."""
    model.eval()
    with torch.no_grad():  # PyTorch starts many biases at 0 and norms at 1: a slip there would hide
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter += 0.2 * torch.randn_like(parameter)
    for key, tensor in model.state_dict().items():
        save(folder / "weights" / f"{key}.npy", tensor)
    (folder / "config.txt").write_text("".join(f"{k}={v}\n" for k, v in config.items()))
    for index, inputs in enumerate(cases):
        case = folder / f"case{index}"
        for name, tensor in inputs.items():
            save(case / "in" / f"{name}.npy", tensor)
        with torch.no_grad():
            for name, tensor in model(**inputs).items():
                save(case / "out" / f"{name}.npy", tensor)


def tokens(batch, length, vocab):
    return torch.randint(0, vocab, (batch, length))


def make_transformer(folder):
    config = {"vocab": 100, "width": 48, "heads": 4, "hidden": 96, "max_length": 16}
    model = Translator(**config)
    write(folder, model, {**config, "encoder_layers": 2, "decoder_layers": 2, "eps": 1e-5}, [
        {"source": tokens(2, 7, 100), "target": tokens(2, 5, 100)},
        {"source": tokens(1, 16, 100), "target": tokens(1, 1, 100)}])


def make_bert(folder):
    config = {"vocab": 100, "width": 64, "heads": 4, "hidden": 128, "layers": 2, "max_length": 32}
    padded = torch.ones(2, 9, dtype=torch.int64)
    padded[1, 6:] = 0
    types = torch.zeros(2, 9, dtype=torch.int64)
    types[:, 4:] = 1
    write(folder, Bert(**config), {**config, "eps": 1e-12}, [
        {"input_ids": tokens(2, 9, 100), "token_type_ids": types, "attention_mask": padded},
        {"input_ids": tokens(1, 32, 100), "token_type_ids": torch.zeros(1, 32, dtype=torch.int64),
         "attention_mask": torch.ones(1, 32, dtype=torch.int64)}])


def make_alexnet(folder):
    write(folder, AlexNet(10), {"classes": 10}, [{"image": torch.rand(1, 3, 127, 127) * 2 - 1}])


def make_mlp(folder):
    widths = [20, 48, 48, 37, 48, 48, 10]
    write(folder, Mlp(widths), {"widths": ",".join(map(str, widths))}, [
        {"x": torch.randn(5, 20)}, {"x": torch.randn(1, 20)}])


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    output = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "tests" / "data" / "torch"
    torch.set_num_threads(1)
    for make in (make_transformer, make_bert, make_alexnet, make_mlp):
        name = make.__name__.removeprefix("make_")
        shutil.rmtree(output / name, ignore_errors=True)
        torch.manual_seed(20240117)
        make(output / name)
        size = sum(f.stat().st_size for f in (output / name).rglob("*") if f.is_file())
        print(f"{output / name}: {size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
