# SPDX-License-Identifier: MIT
#
# text.py - transformers for text, written as the libraries that people export from write them:
# BERT's additive mask, GPT-2's Conv1D and causal Where, nn.Transformer, T5's buckets, rotary
# embeddings with shared key heads, CLIP's two towers.

"""Text models for tools/make_torch_models.py."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .case import Case, padding, spread, tokens


class BertSelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def transpose_for_scores(self, x):
        return x.view(x.size()[:-1] + (self.heads, self.size)).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        q, k, v = (self.transpose_for_scores(f(x)) for f in (self.query, self.key, self.value))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(self.size)
        context = torch.matmul(nn.functional.softmax(scores + mask, dim=-1), v)
        context = context.permute(0, 2, 1, 3).contiguous()
        return context.view(context.size()[:-2] + (self.heads * self.size,))


class BertLayer(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.attention = BertSelfAttention(width, heads)
        self.dense, self.norm1 = nn.Linear(width, width), nn.LayerNorm(width, eps=1e-12)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x, mask):
        x = self.norm1(self.dense(self.attention(x, mask)) + x)
        return self.norm2(self.down(F.gelu(self.up(x))) + x)


class Bert(nn.Module):
    """Embeddings, layers, pooler; positions are a slice of a buffer, the mask fills with the
    lowest float."""

    def __init__(self, vocab=50, width=24, heads=3, inner=48, layers=2, places=40):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, width), nn.Embedding(places, width)
        self.types, self.norm = nn.Embedding(2, width), nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(width, heads, inner) for _ in range(layers))
        self.pooler = nn.Linear(width, width)
        self.register_buffer("position_ids", torch.arange(places).expand((1, -1)))

    def forward(self, input_ids, attention_mask, token_type_ids):
        mask = attention_mask[:, None, None, :].to(dtype=torch.float32)
        mask = (1.0 - mask) * torch.finfo(torch.float32).min
        length = input_ids.size()[1]
        x = self.words(input_ids) + self.types(token_type_ids)
        x = self.norm(x + self.places(self.position_ids[:, :length]))
        for layer in self.layers:
            x = layer(x, mask)
        return x, torch.tanh(self.pooler(x[:, 0]))


def bert():
    def case(batch, length):
        types = torch.zeros(batch, length, dtype=torch.int64)
        types[:, length // 2:] = 1
        return {"input_ids": tokens(batch, length, 50), "attention_mask": padding(batch, length),
                "token_type_ids": types}
    axes = {0: "batch", 1: "sequence"}
    return Case(spread(Bert()), ["last_hidden_state", "pooler_output"],
                [case(2, 9), case(1, 40), case(3, 1), case(1, 17)], opset=11,
                dynamic={"input_ids": axes, "attention_mask": axes, "token_type_ids": axes,
                         "last_hidden_state": axes, "pooler_output": {0: "batch"}})


class Conv1D(nn.Module):
    """GPT-2's linear layer: weight [in, out], one addmm over flattened rows."""

    def __init__(self, out, into):
        super().__init__()
        self.out = out
        self.weight = nn.Parameter(torch.randn(into, out) / math.sqrt(into))
        self.bias = nn.Parameter(torch.zeros(out))

    def forward(self, x):
        size = x.size()[:-1] + (self.out,)
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(size)


def gelu_new(x):
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi)
                                       * (x + 0.044715 * torch.pow(x, 3.0))))


class Gpt2Block(nn.Module):
    def __init__(self, width, heads, places):
        super().__init__()
        self.heads, self.width = heads, width
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = Conv1D(3 * width, width), Conv1D(width, width)
        self.c_fc, self.c_down = Conv1D(4 * width, width), Conv1D(width, 4 * width)
        triangle = torch.tril(torch.ones((places, places), dtype=torch.uint8))
        self.register_buffer("bias", triangle.view(1, 1, places, places))
        self.register_buffer("masked_bias", torch.tensor(-1e4))

    def split_heads(self, x):
        return x.view(x.size()[:-1] + (self.heads, self.width // self.heads)).permute(0, 2, 1, 3)

    def attend(self, query, key, value, mask):
        weights = torch.matmul(query, key.transpose(-1, -2))
        weights = weights / (value.size(-1) ** 0.5)
        query_length, key_length = query.size(-2), key.size(-2)
        causal = self.bias[:, :, key_length - query_length:key_length, :key_length].bool()
        weights = torch.where(causal, weights, self.masked_bias.to(weights.dtype)) + mask
        return torch.matmul(nn.Softmax(dim=-1)(weights), value)

    def forward(self, x, mask, past_key, past_value):
        query, key, value = self.c_attn(self.ln_1(x)).split(self.width, dim=2)
        query, key, value = (self.split_heads(t) for t in (query, key, value))
        key = torch.cat((past_key, key), dim=-2)
        value = torch.cat((past_value, value), dim=-2)
        mixed = self.attend(query, key, value, mask).permute(0, 2, 1, 3).contiguous()
        x = self.c_proj(mixed.view(mixed.size()[:-2] + (self.width,))) + x
        return x + self.c_down(gelu_new(self.c_fc(self.ln_2(x)))), key, value


class Gpt2(nn.Module):
    """Two blocks with a cache; logits by the token table."""

    def __init__(self, vocab=60, width=24, heads=2, places=32, layers=2):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(places, width)
        self.blocks = nn.ModuleList(Gpt2Block(width, heads, places) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, input_ids, attention_mask, *past):
        known = past[0].size(-2)
        places = torch.arange(known, input_ids.size(-1) + known, dtype=torch.long)
        places = places.unsqueeze(0).view(-1, input_ids.size(-1))
        mask = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * -10000.0
        x = self.wte(input_ids) + self.wpe(places)
        present = []
        for index, block in enumerate(self.blocks):
            x, key, value = block(x, mask, past[2 * index], past[2 * index + 1])
            present += [key, value]
        return (torch.matmul(self.ln_f(x), self.wte.weight.t()), *present)


def gpt2():
    network = spread(Gpt2())
    names = [f"{part}.{layer}" for layer in range(2) for part in ("key", "value")]

    def case(batch, known, length):
        inputs = {"input_ids": tokens(batch, length, 60),
                  "attention_mask": padding(batch, known + length)}
        past = [torch.zeros(batch, 2, 0, 12) for _ in names]
        if known > 0:  # a real past, of tokens run before
            whole = torch.ones(batch, known, dtype=torch.int64)
            with torch.no_grad():
                past = network(tokens(batch, known, 60), whole, *past)[1:]
        inputs.update({f"past_{name}": tensor for name, tensor in zip(names, past)})
        return inputs
    dynamic = {"input_ids": {0: "batch", 1: "sequence"}, "logits": {0: "batch", 1: "sequence"},
               "attention_mask": {0: "batch", 1: "total"}}
    for name in names:
        dynamic[f"past_{name}"] = {0: "batch", 2: "past"}
        dynamic[f"present_{name}"] = {0: "batch", 2: "total"}
    return Case(network, ["logits"] + [f"present_{name}" for name in names],
                [case(2, 5, 3), case(1, 0, 8), case(1, 9, 1), case(1, 31, 1)], opset=13,
                dynamic=dynamic)


class Translator(nn.Module):
    """nn.Transformer with two encoder and two decoder layers, padding and causal masks."""

    def __init__(self, vocab=40, width=16, heads=4, inner=32, batch_first=True):
        super().__init__()
        self.width, self.batch_first = width, batch_first
        self.source, self.target = nn.Embedding(vocab, width), nn.Embedding(vocab, width)
        self.transformer = nn.Transformer(width, heads, 2, 2, inner, 0.0, batch_first=batch_first,
                                          activation=F.relu)
        for layer in self.transformer.encoder.layers:  # the fused layer cannot be exported
            layer.activation_relu_or_gelu = 0
        self.transformer.encoder.enable_nested_tensor = False
        self.final = nn.Linear(width, vocab)

    def forward(self, source, target, source_mask):
        length = target.size(1)
        place = torch.arange(length)
        causal = torch.zeros(length, length).masked_fill(place[None, :] > place[:, None],
                                                         float("-inf"))
        hidden = source_mask == 0
        source = self.source(source) * math.sqrt(self.width)
        target = self.target(target) * math.sqrt(self.width)
        if not self.batch_first:
            source, target = source.transpose(0, 1), target.transpose(0, 1)
        x = self.transformer(source, target, tgt_mask=causal, src_key_padding_mask=hidden,
                             memory_key_padding_mask=hidden)
        return self.final(x if self.batch_first else x.transpose(0, 1))


def transformer(batch_first=True, opset=14, half=True):
    def case(batch, source, target):
        return {"source": tokens(batch, source, 40), "target": tokens(batch, target, 40),
                "source_mask": padding(batch, source)}
    return Case(spread(Translator(batch_first=batch_first)), ["logits"],
                [case(2, 7, 5), case(1, 16, 1), case(3, 2, 11)], opset=opset, half=half,
                dynamic={"source": {0: "batch", 1: "source"}, "target": {0: "batch", 1: "target"},
                         "source_mask": {0: "batch", 1: "source"},
                         "logits": {0: "batch", 1: "target"}})


def transformer_seq_first():
    return transformer(batch_first=False, opset=12, half=False)


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        variance = x.to(torch.float32).pow(2).mean(-1, keepdim=True)
        return self.weight * (x * torch.rsqrt(variance + 1e-6))


class T5Attention(nn.Module):
    """No scale; a bias by buckets of the distance."""

    def __init__(self, width, heads, buckets=8, reach=16, cross=False):
        super().__init__()
        self.heads, self.buckets, self.reach, self.cross = heads, buckets, reach, cross
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        if not cross:
            self.relative_attention_bias = nn.Embedding(buckets, heads)

    def bucket(self, distance):
        half = self.buckets // 2
        result = (distance > 0).to(torch.long) * half
        distance = torch.abs(distance)
        exact = half // 2
        far = exact + (torch.log(distance.float() / exact) / math.log(self.reach / exact)
                       * (half - exact)).to(torch.long)
        far = torch.min(far, torch.full_like(far, half - 1))
        return result + torch.where(distance < exact, distance, far)

    def bias(self, queries, keys):
        context = torch.arange(queries, dtype=torch.long)[:, None]
        memory = torch.arange(keys, dtype=torch.long)[None, :]
        values = self.relative_attention_bias(self.bucket(memory - context))
        return values.permute([2, 0, 1]).unsqueeze(0)

    def forward(self, x, memory, mask):
        def split(t):
            return t.view(t.size(0), -1, self.heads, t.size(-1) // self.heads).transpose(1, 2)
        q, k, v = split(self.q(x)), split(self.k(memory)), split(self.v(memory))
        scores = torch.matmul(q, k.transpose(3, 2))
        scores += mask if self.cross else self.bias(q.size(2), k.size(2)) + mask
        weights = nn.functional.softmax(scores.float(), dim=-1).type_as(scores)
        mixed = torch.matmul(weights, v).transpose(1, 2).contiguous()
        return self.o(mixed.view(x.size(0), -1, x.size(2)))


class T5(nn.Module):
    """An encoder layer, and a decoder layer that sees it."""

    def __init__(self, vocab=40, width=24, heads=3, inner=40):
        super().__init__()
        self.shared = nn.Embedding(vocab, width)
        self.norms = nn.ModuleList(RmsNorm(width) for _ in range(5))
        self.own, self.causal = T5Attention(width, heads), T5Attention(width, heads)
        self.cross = T5Attention(width, heads, cross=True)
        self.wi, self.wo = nn.Linear(width, inner, bias=False), nn.Linear(inner, width, bias=False)
        self.wi_0, self.wi_1 = (nn.Linear(width, inner, bias=False) for _ in range(2))

    def forward(self, input_ids, attention_mask, decoder_input_ids):
        mask = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * -1e9
        x = self.shared(input_ids)
        normal = self.norms[0](x)
        x = x + self.own(normal, normal, mask)
        memory = x + self.wo(F.relu(self.wi(self.norms[1](x))))
        batch, length = decoder_input_ids.shape
        places = torch.arange(length)
        causal = places[None, None, :].repeat(batch, length, 1) <= places[None, :, None]
        causal = (1.0 - causal[:, None, :, :].to(torch.float32)) * -1e9
        y = self.shared(decoder_input_ids)
        normal = self.norms[2](y)
        y = y + self.causal(normal, normal, causal)
        y = y + self.cross(self.norms[3](y), memory, mask)
        normal = self.norms[4](y)
        y = y + self.wo(gelu_new(self.wi_0(normal)) * self.wi_1(normal))
        return torch.matmul(y * 24 ** -0.5, self.shared.weight.t())


def t5():
    def case(batch, source, target):
        return {"input_ids": tokens(batch, source, 40), "attention_mask": padding(batch, source),
                "decoder_input_ids": tokens(batch, target, 40)}
    return Case(spread(T5()), ["logits"], [case(2, 7, 5), case(1, 20, 1), case(2, 3, 17)],
                opset=15,
                dynamic={"input_ids": {0: "batch", 1: "source"},
                         "attention_mask": {0: "batch", 1: "source"},
                         "decoder_input_ids": {0: "batch", 1: "target"},
                         "logits": {0: "batch", 1: "target"}})


def rotate_half(x):
    left, right = x[..., :x.shape[-1] // 2], x[..., x.shape[-1] // 2:]
    return torch.cat((-right, left), dim=-1)


class LlamaLayer(nn.Module):
    """Four query heads share two of keys and values."""

    def __init__(self, width, heads, kv_heads, inner):
        super().__init__()
        self.heads, self.kv_heads, self.size = heads, kv_heads, width // heads
        self.norm1, self.norm2 = RmsNorm(width), RmsNorm(width)
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj, self.v_proj = (nn.Linear(width, kv_heads * self.size, bias=False)
                                    for _ in range(2))
        self.o_proj = nn.Linear(width, width, bias=False)
        self.gate, self.up = (nn.Linear(width, inner, bias=False) for _ in range(2))
        self.down = nn.Linear(inner, width, bias=False)

    def repeat(self, x):
        batch, heads, length, size = x.shape
        count = self.heads // self.kv_heads
        x = x[:, :, None, :, :].expand(batch, heads, count, length, size)
        return x.reshape(batch, heads * count, length, size)

    def forward(self, x, mask, cos, sin):
        batch, length, width = x.shape
        y = self.norm1(x)
        q = self.q_proj(y).view(batch, length, self.heads, self.size).transpose(1, 2)
        k = self.k_proj(y).view(batch, length, self.kv_heads, self.size).transpose(1, 2)
        v = self.v_proj(y).view(batch, length, self.kv_heads, self.size).transpose(1, 2)
        q, k = q * cos + rotate_half(q) * sin, k * cos + rotate_half(k) * sin
        k, v = self.repeat(k), self.repeat(v)
        weights = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(self.size) + mask
        weights = nn.functional.softmax(weights, dim=-1, dtype=torch.float32).to(q.dtype)
        mixed = torch.matmul(weights, v).transpose(1, 2).contiguous().reshape(batch, length, width)
        x = x + self.o_proj(mixed)
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Llama(nn.Module):
    """RMS norms, rotary positions, gated SiLU; the causal mask is made from the shape."""

    def __init__(self, vocab=40, width=32, heads=4, kv_heads=2, inner=48):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.layers = nn.ModuleList(LlamaLayer(width, heads, kv_heads, inner) for _ in range(2))
        self.norm, self.head = RmsNorm(width), nn.Linear(width, vocab, bias=False)
        size = width // heads
        self.register_buffer("rates", 1.0 / (10000 ** (torch.arange(0, size, 2).float() / size)))

    def forward(self, input_ids, position_ids):
        batch, length = input_ids.shape
        mask = torch.full((length, length), torch.finfo(torch.float32).min)
        place = torch.arange(length)
        mask = mask.masked_fill(place < (place + 1).view(length, 1), 0)
        mask = mask[None, None, :, :].expand(batch, 1, length, length)
        angles = position_ids[:, :, None].float() * self.rates[None, None, :]
        angles = torch.cat((angles, angles), dim=-1)
        cos, sin = angles.cos().unsqueeze(1), angles.sin().unsqueeze(1)
        x = self.embed(input_ids)
        for layer in self.layers:
            x = layer(x, mask, cos, sin)
        return self.head(self.norm(x))


def llama():
    def case(batch, length):
        return {"input_ids": tokens(batch, length, 40),
                "position_ids": torch.arange(length)[None, :].repeat(batch, 1)}
    axes = {0: "batch", 1: "sequence"}
    return Case(spread(Llama()), ["logits"], [case(2, 6), case(1, 1), case(1, 33)], opset=17,
                dynamic={"input_ids": axes, "position_ids": axes, "logits": axes})


MODELS = (bert, gpt2, transformer, transformer_seq_first, t5, llama)
