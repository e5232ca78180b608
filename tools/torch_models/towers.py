# SPDX-License-Identifier: MIT
#
# towers.py - CLIP's two towers in one export.

"""CLIP for tools/make_torch_models.py."""

import torch
from torch import nn

from .case import Case, spread, tokens


class QuickGelu(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    """OpenAI's residual block: nn.MultiheadAttention, sequence first."""

    def __init__(self, width, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), QuickGelu(),
                                 nn.Linear(2 * width, width))

    def forward(self, x, mask=None):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class Clip(nn.Module):
    def __init__(self, vocab=50, length=12, width=16, out=12):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8, bias=False)
        self.token = nn.Parameter(torch.randn(width))
        self.image_places = nn.Parameter(torch.randn(17, width) * 0.3)
        self.pre, self.post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.image_blocks = nn.ModuleList(Block(width, 2) for _ in range(2))
        self.image_projection = nn.Parameter(torch.randn(width, out) * 0.3)
        self.words = nn.Embedding(vocab, width)
        self.places = nn.Parameter(torch.randn(length, width) * 0.3)
        self.text_blocks = nn.ModuleList(Block(width, 2) for _ in range(2))
        self.final, self.projection = nn.LayerNorm(width), nn.Parameter(
            torch.randn(width, out) * 0.3)
        self.logit_scale = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("causal", torch.full((length, length), float("-inf")).triu_(1))

    def encode_image(self, image):
        x = self.patches(image)
        x = x.reshape(x.shape[0], x.shape[1], -1).permute(0, 2, 1)
        token = self.token + torch.zeros(x.shape[0], 1, x.shape[-1])
        x = self.pre(torch.cat([token, x], dim=1) + self.image_places).permute(1, 0, 2)
        for block in self.image_blocks:
            x = block(x)
        return self.post(x.permute(1, 0, 2)[:, 0, :]) @ self.image_projection

    def encode_text(self, text):
        x = (self.words(text) + self.places).permute(1, 0, 2)
        for block in self.text_blocks:
            x = block(x, self.causal)
        x = self.final(x.permute(1, 0, 2))
        return x[torch.arange(x.shape[0]), text.argmax(dim=-1)] @ self.projection

    def forward(self, image, text):
        image, text = self.encode_image(image), self.encode_text(text)
        image = image / image.norm(dim=-1, keepdim=True)
        text = text / text.norm(dim=-1, keepdim=True)
        scores = self.logit_scale.exp() * image @ text.t()
        return scores, scores.t(), image, text


def clip():
    def case(images, texts):
        text = tokens(texts, 12, 49)
        for row in range(texts):
            end = 3 + 2 * row
            text[row, end], text[row, end + 1:] = 49, 0
        return {"image": torch.randint(-64, 65, (images, 3, 32, 32)) / 64, "text": text}
    return Case(spread(Clip()), ["image_scores", "text_scores", "image_vector", "text_vector"],
                [case(2, 3), case(1, 1)], opset=16,
                dynamic={"image": {0: "images"}, "text": {0: "texts"},
                         "image_scores": {0: "images", 1: "texts"},
                         "text_scores": {0: "texts", 1: "images"},
                         "image_vector": {0: "images"}, "text_vector": {0: "texts"}})


MODELS = (clip,)
