#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# make_arch_goldens.py - tiny Hugging Face folders with seeded random weights, and PyTorch's answers
# for them. Each architecture is written out here after its published definition, over weights under
# the names that its files have. Writes tests/data/arch/ (its README describes the layout), which is
# kept in git; run this again only to change it:
#
#   apt-get install python3-torch
#   tools/make_arch_goldens.py [OUTPUT_FOLDER]

"""Write tiny model folders and PyTorch's outputs for them."""

import json
import math
import pathlib
import shutil
import struct
import sys

import torch
import torch.nn.functional as F

LEAST = torch.finfo(torch.float32).min
TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}
WORDS = ("[PAD] [UNK] [CLS] [SEP] [MASK] the a cat dog hello my is cute red green blue picture of "
         "good bad ##s ##ing ##ed walk run bird , . ! ? '").split()
WORDS += [chr(c) for c in range(97, 123)] + ["##" + chr(c) for c in range(97, 123)]


# --- files ----------------------------------------------------------------------------------------

def save_tensors(path, tensors):
    """The safetensors format: header length, header, data."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, tensor in tensors.items():
        tensor = tensor.detach().contiguous()
        raw = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
        raw = raw.numpy().tobytes()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def save_json(path, value):
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


class Weights(dict):
    """Named random tensors; PyTorch's usual ranges, but norms and biases are never 1 or 0."""

    def linear(self, name, out, into, bias=True):
        bound = 1 / math.sqrt(into)
        self[name + ".weight"] = (torch.rand(out, into) * 2 - 1) * bound
        if bias:
            self[name + ".bias"] = (torch.rand(out) * 2 - 1) * 0.3

    def transposed(self, name, into, out):
        self.linear(name, out, into)
        self[name + ".weight"] = self[name + ".weight"].t().contiguous()

    def words(self, prefix, vocab, positions, types, width):
        self.table(prefix + "embeddings.word_embeddings.weight", vocab, width)
        self.table(prefix + "embeddings.position_embeddings.weight", positions, width)
        if types:
            self.table(prefix + "embeddings.token_type_embeddings.weight", types, width)
        self.norm(prefix + "embeddings.LayerNorm", width)

    def norm(self, name, width):
        self[name + ".weight"] = 1 + 0.2 * torch.randn(width)
        self[name + ".bias"] = 0.2 * torch.randn(width)

    def table(self, name, *shape, scale=0.5):
        self[name] = scale * torch.randn(*shape)

    def rounded(self, dtype):
        """As the file will hold them; computing goes on in float32."""
        for name in self:
            self[name] = self[name].to(dtype).float()


# --- layers ---------------------------------------------------------------------------------------

ACTIVATIONS = {
    "gelu": F.gelu, "relu": F.relu, "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "gelu_new": lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi)
                                                    * (x + 0.044715 * x ** 3)))}


def linear(w, name, x):
    return F.linear(x, w[name + ".weight"], w.get(name + ".bias"))


def norm(w, name, x, eps):
    return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], eps)


def split(x, heads):
    batch, length, width = x.shape
    return x.view(batch, length, heads, width // heads).transpose(1, 2)


def attend(query, key, value, mask):
    """Heads are split; `mask` is added to the scores."""
    scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])
    mixed = ((scores if mask is None else scores + mask).softmax(-1) @ value).transpose(1, 2)
    return mixed.reshape(*mixed.shape[:2], -1)


def padding(mask):
    return (1.0 - mask[:, None, None, :].float()) * LEAST


def causal(queries, keys):
    return torch.full((queries, keys), LEAST).triu(keys - queries + 1)


# --- BERT, DistilBERT, RoBERTa --------------------------------------------------------------------

BERT_NAMES = {"layer": "encoder.layer.%d.", "query": "attention.self.query",
              "key": "attention.self.key", "value": "attention.self.value",
              "out": "attention.output.dense", "norm1": "attention.output.LayerNorm",
              "up": "intermediate.dense", "down": "output.dense", "norm2": "output.LayerNorm"}
DISTIL_NAMES = {"layer": "transformer.layer.%d.", "query": "attention.q_lin",
                "key": "attention.k_lin", "value": "attention.v_lin", "out": "attention.out_lin",
                "norm1": "sa_layer_norm", "up": "ffn.lin1", "down": "ffn.lin2",
                "norm2": "output_layer_norm"}

VIT_NAMES = {"layer": "encoder.layer.%d.", "query": "attention.attention.query",
             "key": "attention.attention.key", "value": "attention.attention.value",
             "out": "attention.output.dense", "norm1": "layernorm_before",
             "up": "intermediate.dense", "down": "output.dense", "norm2": "layernorm_after"}
CLIP_NAMES = {"layer": "encoder.layers.%d.", "query": "self_attn.q_proj",
              "key": "self_attn.k_proj", "value": "self_attn.v_proj", "out": "self_attn.out_proj",
              "norm1": "layer_norm1", "up": "mlp.fc1", "down": "mlp.fc2", "norm2": "layer_norm2"}


def encoder_weights(w, prefix, names, width, inner, layers):
    for index in range(layers):
        at = prefix + names["layer"] % index
        for part in ("query", "key", "value", "out"):
            w.linear(at + names[part], width, width)
        w.linear(at + names["up"], inner, width)
        w.linear(at + names["down"], width, inner)
        w.norm(at + names["norm1"], width)
        w.norm(at + names["norm2"], width)


def encoder(w, prefix, names, config, x, mask):
    """Post-norm layers, as BERT and its kin have them."""
    act = ACTIVATIONS[config["act"]]
    for index in range(config["layers"]):
        at = prefix + names["layer"] % index
        query, key, value = (split(linear(w, at + names[p], x), config["heads"])
                             for p in ("query", "key", "value"))
        mixed = linear(w, at + names["out"], attend(query, key, value, padding(mask)))
        x = norm(w, at + names["norm1"], mixed + x, config["eps"])
        inner = linear(w, at + names["down"], act(linear(w, at + names["up"], x)))
        x = norm(w, at + names["norm2"], inner + x, config["eps"])
    return x


def embed(w, prefix, config, ids, positions, types):
    x = w[prefix + "embeddings.word_embeddings.weight"][ids]
    x = x + w[prefix + "embeddings.position_embeddings.weight"][positions]
    if types is not None:
        x = x + w[prefix + "embeddings.token_type_embeddings.weight"][types]
    return norm(w, prefix + "embeddings.LayerNorm", x, config["eps"])


def bert(w, prefix, config, input_ids, attention_mask, token_type_ids):
    positions = torch.arange(input_ids.shape[1])
    x = embed(w, prefix, config, input_ids, positions, token_type_ids)
    x = encoder(w, prefix, BERT_NAMES, config, x, attention_mask)
    pooled = torch.tanh(linear(w, prefix + "pooler.dense", x[:, 0]))
    return {"last_hidden_state": x, "pooler_output": pooled}


def roberta(w, prefix, config, input_ids, attention_mask):
    real = (input_ids != config["pad"]).long()
    positions = real.cumsum(1) * real + config["pad"]
    x = embed(w, prefix, config, input_ids, positions, torch.zeros_like(input_ids))
    return {"last_hidden_state": encoder(w, prefix, BERT_NAMES, config, x, attention_mask)}


def distilbert(w, prefix, config, input_ids, attention_mask):
    x = embed(w, prefix, config, input_ids, torch.arange(input_ids.shape[1]), None)
    return {"last_hidden_state": encoder(w, prefix, DISTIL_NAMES, config, x, attention_mask)}


def mean_pool(hidden, mask):
    weights = mask[:, :, None].float()
    return F.normalize((hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9), dim=1)


# --- ViT, GPT-2, CLIP -----------------------------------------------------------------------------

def pre_norm_encoder(w, prefix, names, config, x, mask):
    for index in range(config["layers"]):
        at = prefix + names["layer"] % index
        y = norm(w, at + names["norm1"], x, config["eps"])
        query, key, value = (split(linear(w, at + names[p], y), config["heads"])
                             for p in ("query", "key", "value"))
        x = x + linear(w, at + names["out"], attend(query, key, value, mask))
        y = norm(w, at + names["norm2"], x, config["eps"])
        y = ACTIVATIONS[config["act"]](linear(w, at + names["up"], y))
        x = x + linear(w, at + names["down"], y)
    return x


def vit(w, prefix, config, pixel_values):
    name = prefix + "embeddings.patch_embeddings.projection"
    patches = F.conv2d(pixel_values, w[name + ".weight"], w[name + ".bias"],
                       stride=config["patch"]).flatten(2).transpose(1, 2)
    first = w[prefix + "embeddings.cls_token"].expand(len(patches), -1, -1)
    x = torch.cat([first, patches], 1) + w[prefix + "embeddings.position_embeddings"]
    x = pre_norm_encoder(w, prefix, VIT_NAMES, config, x, None)
    return norm(w, prefix + "layernorm", x, config["eps"])


def gpt2(w, prefix, config, input_ids, attention_mask, position_ids=None, past=None):
    def conv1d(name, x):
        return x @ w[name + ".weight"] + w[name + ".bias"]

    length, heads = input_ids.shape[1], config["heads"]
    if position_ids is None:
        position_ids = torch.arange(length)
    x = w[prefix + "wte.weight"][input_ids] + w[prefix + "wpe.weight"][position_ids]
    present = {}
    for index in range(config["layers"]):
        at = f"{prefix}h.{index}."
        y = norm(w, at + "ln_1", x, config["eps"])
        query, key, value = (split(part, heads) for part in
                             conv1d(at + "attn.c_attn", y).chunk(3, dim=2))
        if past is not None:
            key = torch.cat([past[f"past_key_values.{index}.key"], key], 2)
            value = torch.cat([past[f"past_key_values.{index}.value"], value], 2)
        present[f"present.{index}.key"], present[f"present.{index}.value"] = key, value
        mask = torch.maximum(causal(length, key.shape[2]) + padding(attention_mask),
                             torch.tensor(LEAST))
        x = x + conv1d(at + "attn.c_proj", attend(query, key, value, mask))
        y = norm(w, at + "ln_2", x, config["eps"])
        x = x + conv1d(at + "mlp.c_proj", ACTIVATIONS["gelu_new"](conv1d(at + "mlp.c_fc", y)))
    x = norm(w, prefix + "ln_f", x, config["eps"])
    return {"last_hidden_state": x, "logits": x @ w[prefix + "wte.weight"].t(), **present}


def clip_text(w, config, input_ids, attention_mask):
    at, length = "text_model.", input_ids.shape[1]
    x = w[at + "embeddings.token_embedding.weight"][input_ids]
    x = x + w[at + "embeddings.position_embedding.weight"][:length]
    mask = torch.maximum(causal(length, length) + padding(attention_mask), torch.tensor(LEAST))
    x = pre_norm_encoder(w, at, CLIP_NAMES, config, x, mask)
    x = norm(w, at + "final_layer_norm", x, config["eps"])
    if config["eos"] == 2:  # files of before the end token was written down
        last = input_ids.argmax(-1)
    else:
        last = (input_ids == config["eos"]).int().argmax(-1)
    pooled = x[torch.arange(len(x)), last]
    return {"last_hidden_state": x, "pooler_output": pooled,
            "text_embeds": linear(w, "text_projection", pooled)}


def clip_vision(w, config, pixel_values):
    at = "vision_model."
    patches = F.conv2d(pixel_values, w[at + "embeddings.patch_embedding.weight"],
                       stride=config["patch"]).flatten(2).transpose(1, 2)
    first = w[at + "embeddings.class_embedding"].expand(len(patches), 1, -1)
    x = torch.cat([first, patches], 1) + w[at + "embeddings.position_embedding.weight"]
    x = norm(w, at + "pre_layrnorm", x, config["eps"])
    x = pre_norm_encoder(w, at, CLIP_NAMES, config, x, None)
    pooled = norm(w, at + "post_layernorm", x[:, 0], config["eps"])
    return {"last_hidden_state": x, "pooler_output": pooled,
            "image_embeds": linear(w, "visual_projection", pooled)}


def clip(w, config, input_ids, attention_mask, pixel_values):
    text = F.normalize(clip_text(w, config["text"], input_ids, attention_mask)["text_embeds"])
    image = F.normalize(clip_vision(w, config["vision"], pixel_values)["image_embeds"])
    per_text = text @ image.t() * w["logit_scale"].exp()
    return {"text_embeds": text, "image_embeds": image, "logits_per_text": per_text,
            "logits_per_image": per_text.t()}


# --- the folders ----------------------------------------------------------------------------------

def write(folder, config, weights, cases, dtype=torch.float32, shards=1):
    """config.json, weights in `dtype`, and the cases: {"PART/NUMBER": (inputs, outputs)}."""
    folder.mkdir(parents=True)
    save_json(folder / "config.json", config)
    held = {name: tensor.to(dtype) for name, tensor in weights.items()}
    if shards == 1:
        save_tensors(folder / "model.safetensors", held)
    else:
        names, places = list(held), {}
        for shard in range(shards):
            file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
            part = {name: held[name] for name in names[shard::shards]}
            places.update({name: file for name in part})
            save_tensors(folder / file, part)
        save_json(folder / "model.safetensors.index.json",
                  {"metadata": {"total_size": sum(t.nelement() * t.element_size()
                                                  for t in held.values())},
                   "weight_map": places})
    flat = {}
    for case, (inputs, outputs) in cases.items():
        flat.update({f"{case}/in/{name}": tensor for name, tensor in inputs.items()})
        flat.update({f"{case}/out/{name}": tensor for name, tensor in outputs.items()})
    save_tensors(folder / "cases.safetensors", flat)


def tokens(batch, length, vocab, types=False, ragged=True, pad=0, least=5):
    """Random ids; the rows of a batch end one after the other if `ragged`."""
    ids = torch.randint(least, vocab, (batch, length))
    mask = torch.ones(batch, length, dtype=torch.int64)
    for row in range(1, batch if ragged else 0):
        end = max(1, length - 2 * row)
        ids[row, end:], mask[row, end:] = pad, 0
    inputs = {"input_ids": ids, "attention_mask": mask}
    if types:
        inputs["token_type_ids"] = torch.zeros_like(ids)
        inputs["token_type_ids"][:, length // 2:] = 1
    return inputs


SIZES = [(1, 1), (1, 7), (3, 12), (2, 32)]


def bert_config(width, inner, layers, heads, **more):
    return {"model_type": "bert", "hidden_size": width, "intermediate_size": inner,
            "num_hidden_layers": layers, "num_attention_heads": heads, "hidden_act": "gelu",
            "layer_norm_eps": 1e-12, "max_position_embeddings": 32, "type_vocab_size": 2,
            "vocab_size": len(WORDS), "pad_token_id": 0, **more}


def make_bert(folder, dtype, shards=1, classes=0, sentence=False):
    w, small = Weights(), {"act": "gelu", "layers": 2, "heads": 4, "eps": 1e-12}
    prefix = "bert." if classes else ""
    w.words(prefix, len(WORDS), 32, 2, 32)
    encoder_weights(w, prefix, BERT_NAMES, 32, 64, 2)
    w.linear(prefix + "pooler.dense", 32, 32)
    config = bert_config(32, 64, 2, 4, architectures=["BertModel"])
    if classes:
        w.linear("classifier", classes, 32)
        config["architectures"] = ["BertForSequenceClassification"]
        config["id2label"] = dict(enumerate(["bad", "so so", "good"]))
    w.rounded(dtype)
    cases = {}
    for index, (batch, length) in enumerate(SIZES):
        inputs = tokens(batch, length, len(WORDS), types=True)
        outputs = bert(w, prefix, small, **inputs)
        cases[f"base/{index}"] = inputs, outputs
        if classes:
            logits = linear(w, "classifier", outputs["pooler_output"])
            cases[f"whole/{index}"] = inputs, {"logits": logits}
        if sentence:
            pooled = mean_pool(outputs["last_hidden_state"], inputs["attention_mask"])
            cases[f"sentence/{index}"] = inputs, {"sentence_embedding": pooled}
    write(folder, config, w, cases, dtype, shards)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    save_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 32})
    if sentence:
        save_json(folder / "modules.json", [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling",
             "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize",
             "type": "sentence_transformers.models.Normalize"}])
        save_json(folder / "sentence_bert_config.json",
                  {"max_seq_length": 16, "do_lower_case": False})
        (folder / "1_Pooling").mkdir()
        save_json(folder / "1_Pooling" / "config.json", {
            "word_embedding_dimension": 32, "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False})


def make_distilbert(folder, dtype, shards):
    w, small = Weights(), {"act": "gelu", "layers": 2, "heads": 4, "eps": 1e-12}
    w.words("distilbert.", len(WORDS), 32, 0, 32)
    encoder_weights(w, "distilbert.", DISTIL_NAMES, 32, 64, 2)
    w.linear("pre_classifier", 32, 32)
    w.linear("classifier", 2, 32)
    w.rounded(dtype)
    cases = {}
    for index, (batch, length) in enumerate(SIZES):
        inputs = tokens(batch, length, len(WORDS))
        outputs = distilbert(w, "distilbert.", small, **inputs)
        cases[f"base/{index}"] = inputs, outputs
        first = F.relu(linear(w, "pre_classifier", outputs["last_hidden_state"][:, 0]))
        cases[f"whole/{index}"] = inputs, {"logits": linear(w, "classifier", first)}
    write(folder, {"model_type": "distilbert", "dim": 32, "hidden_dim": 64, "n_layers": 2,
                   "n_heads": 4, "architectures": ["DistilBertForSequenceClassification"],
                   "activation": "gelu", "max_position_embeddings": 32, "vocab_size": len(WORDS),
                   "pad_token_id": 0, "id2label": {"0": "NEGATIVE", "1": "POSITIVE"}},
          w, cases, dtype, shards)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")


def make_roberta(folder, dtype):
    w = Weights()
    small = {"act": "gelu", "layers": 2, "heads": 4, "eps": 1e-5, "pad": 1}
    w.words("roberta.", 60, 34, 1, 32)
    encoder_weights(w, "roberta.", BERT_NAMES, 32, 64, 2)
    w.linear("classifier.dense", 32, 32)
    w.linear("classifier.out_proj", 3, 32)
    w.rounded(dtype)
    cases = {}
    for index, (batch, length) in enumerate(SIZES):
        inputs = tokens(batch, length, 60, pad=1)
        outputs = roberta(w, "roberta.", small, **inputs)
        cases[f"base/{index}"] = inputs, outputs
        first = torch.tanh(linear(w, "classifier.dense", outputs["last_hidden_state"][:, 0]))
        cases[f"whole/{index}"] = inputs, {"logits": linear(w, "classifier.out_proj", first)}
    config = bert_config(32, 64, 2, 4, model_type="roberta", layer_norm_eps=1e-5, vocab_size=60,
                         architectures=["RobertaForSequenceClassification"], pad_token_id=1,
                         max_position_embeddings=34, type_vocab_size=1,
                         id2label={"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"})
    write(folder, config, w, cases, dtype)


def make_vit(folder, dtype):
    w, small = Weights(), {"layers": 2, "heads": 4, "eps": 1e-12, "patch": 8, "act": "gelu"}
    w.table("vit.embeddings.cls_token", 1, 1, 32)
    w.table("vit.embeddings.position_embeddings", 1, 13, 32)
    w.table("vit.embeddings.patch_embeddings.projection.weight", 32, 3, 8, 8, scale=0.1)
    w.table("vit.embeddings.patch_embeddings.projection.bias", 32)
    encoder_weights(w, "vit.", VIT_NAMES, 32, 64, 2)
    w.norm("vit.layernorm", 32)
    w.linear("classifier", 4, 32)
    w.rounded(dtype)
    cases = {}
    for index, batch in enumerate((1, 3)):
        inputs = {"pixel_values": torch.rand(batch, 3, 24, 32) * 2 - 1}
        hidden = vit(w, "vit.", small, **inputs)
        cases[f"base/{index}"] = inputs, {"last_hidden_state": hidden}
        cases[f"whole/{index}"] = inputs, {"logits": linear(w, "classifier", hidden[:, 0])}
    config = {"model_type": "vit", "architectures": ["ViTForImageClassification"],
              "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
              "num_attention_heads": 4, "hidden_act": "gelu", "layer_norm_eps": 1e-12,
              "image_size": [24, 32], "patch_size": 8, "num_channels": 3, "qkv_bias": True,
              "id2label": {"0": "tench", "1": "tabby cat", "2": "teapot", "3": "volcano"}}
    write(folder, config, w, cases, dtype)
    save_json(folder / "preprocessor_config.json", {
        "image_processor_type": "ViTImageProcessor", "do_resize": True, "do_rescale": True,
        "do_normalize": True, "resample": 2, "rescale_factor": 1 / 255,
        "size": {"height": 24, "width": 32}, "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5]})


def byte_letters():
    """The 256 letters that stand for bytes in byte-level vocabularies."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, extra = {b: chr(b) for b in plain}, 0
    for byte in range(256):
        if byte not in letters:
            letters[byte] = chr(256 + extra)
            extra += 1
    return [letters[b] for b in [*plain, *(b for b in range(256) if b not in plain)]]


def make_gpt2(folder, dtype):
    merges = ["h e", "l l", "he ll", "hell o", "Ġ w", "c a", "Ġ ca", "Ġca t"]
    vocab = byte_letters() + [m.replace(" ", "") for m in merges] + ["<|endoftext|>"]
    w, small, size = Weights(), {"layers": 2, "heads": 4, "eps": 1e-5}, len(vocab)
    w.table("transformer.wte.weight", size, 32, scale=0.25)
    w.table("transformer.wpe.weight", 40, 32, scale=0.25)
    for index in range(2):
        at = f"transformer.h.{index}."
        w.norm(at + "ln_1", 32)
        w.transposed(at + "attn.c_attn", 32, 96)
        w.transposed(at + "attn.c_proj", 32, 32)
        w.norm(at + "ln_2", 32)
        w.transposed(at + "mlp.c_fc", 32, 128)
        w.transposed(at + "mlp.c_proj", 128, 32)
    w.norm("transformer.ln_f", 32)
    w.rounded(dtype)
    cases = {}
    for index, (batch, length) in enumerate([(1, 1), (2, 6), (1, 40)]):
        inputs = tokens(batch, length, size)
        outputs = gpt2(w, "transformer.", small, **inputs)
        cases[f"base/{index}"] = inputs, {"last_hidden_state": outputs["last_hidden_state"]}
        cases[f"last/{index}"] = inputs, {"logits": outputs["logits"][:, -1:]}
        if index < 2:
            cases[f"whole/{index}"] = inputs, {"logits": outputs["logits"]}
    # Six tokens, then one, then three more: the cache goes from each step into the next.
    ids, past = torch.randint(0, size, (2, 10)), None
    for index, (begin, end) in enumerate([(0, 6), (6, 7), (7, 10)]):
        empty = {f"past_key_values.{i}.{kind}": torch.zeros(2, 4, 0, 8)
                 for i in range(2) for kind in ("key", "value")}
        inputs = {"input_ids": ids[:, begin:end], "attention_mask": torch.ones(2, end).long(),
                  "position_ids": torch.arange(begin, end).expand(2, -1), **(past or empty)}
        outputs = gpt2(w, "transformer.", small, inputs["input_ids"], inputs["attention_mask"],
                       inputs["position_ids"], past)
        del outputs["last_hidden_state"]
        cases[f"cache/{index}"] = inputs, outputs
        past = {name.replace("present", "past_key_values"): tensor
                for name, tensor in outputs.items() if name != "logits"}
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 32,
              "n_layer": 2, "n_head": 4, "n_positions": 40, "n_ctx": 40, "vocab_size": size,
              "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
              "bos_token_id": size - 1, "eos_token_id": size - 1}
    write(folder, config, w, cases, dtype)
    save_json(folder / "vocab.json", {token: index for index, token in enumerate(vocab)})
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")


def make_clip(folder, dtype, legacy):
    letters = byte_letters()
    merges = ["c a", "ca t</w>", "d o", "do g</w>", "r e", "re d</w>"]
    vocab = letters + [c + "</w>" for c in letters] + [m.replace(" ", "") for m in merges]
    vocab += ["<|startoftext|>", "<|endoftext|>"]
    w, size = Weights(), len(vocab)
    end = size - 1
    text = {"layers": 2, "heads": 4, "eps": 1e-5, "act": "quick_gelu",
            "eos": 2 if legacy else end}
    vision = {"layers": 2, "heads": 2, "eps": 1e-5, "act": "quick_gelu", "patch": 8}
    w.table("text_model.embeddings.token_embedding.weight", size, 24)
    w.table("text_model.embeddings.position_embedding.weight", 20, 24)
    encoder_weights(w, "text_model.", CLIP_NAMES, 24, 48, 2)
    w.norm("text_model.final_layer_norm", 24)
    w.table("vision_model.embeddings.class_embedding", 32)
    w.table("vision_model.embeddings.patch_embedding.weight", 32, 3, 8, 8, scale=0.1)
    w.table("vision_model.embeddings.position_embedding.weight", 5, 32)
    encoder_weights(w, "vision_model.", CLIP_NAMES, 32, 64, 2)
    w.norm("vision_model.pre_layrnorm", 32)
    w.norm("vision_model.post_layernorm", 32)
    w.linear("text_projection", 16, 24, bias=False)
    w.linear("visual_projection", 16, 32, bias=False)
    w["logit_scale"] = torch.tensor(2.6592)
    w.rounded(dtype)
    both, cases = {"text": text, "vision": vision}, {}
    for index, (batch, length, images) in enumerate([(1, 4, 1), (3, 20, 2)]):
        words = tokens(batch, length, end, pad=end)
        for row in range(batch):  # each text ends with the end token, and is padded with it
            words["input_ids"][row, int(words["attention_mask"][row].sum()) - 1] = end
        pixels = {"pixel_values": torch.randn(images, 3, 16, 16)}
        cases[f"text/{index}"] = words, clip_text(w, text, **words)
        cases[f"vision/{index}"] = pixels, clip_vision(w, vision, **pixels)
        cases[f"whole/{index}"] = {**words, **pixels}, clip(w, both, **words, **pixels)
    config = {
        "model_type": "clip", "architectures": ["CLIPModel"], "projection_dim": 16,
        "text_config": {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 2,
                        "num_attention_heads": 4, "max_position_embeddings": 20,
                        "vocab_size": size, "bos_token_id": size - 2, "eos_token_id": text["eos"]},
        "vision_config": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
                          "num_attention_heads": 2, "image_size": 16, "patch_size": 8}}
    write(folder, config, w, cases, dtype)
    save_json(folder / "vocab.json", {token: index for index, token in enumerate(vocab)})
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    save_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "CLIPTokenizer", "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
        "model_max_length": 20})
    save_json(folder / "preprocessor_config.json", {
        "crop_size": 16, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor", "resample": 3, "size": 16,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711]})


FOLDERS = {
    "bert": lambda f: make_bert(f, torch.float32),
    "bert_f16": lambda f: make_bert(f, torch.float16),
    "bert_classify": lambda f: make_bert(f, torch.float32, classes=3),
    "minilm": lambda f: make_bert(f, torch.float32, sentence=True),
    "distilbert_bf16": lambda f: make_distilbert(f, torch.bfloat16, shards=2),
    "roberta": lambda f: make_roberta(f, torch.float32),
    "roberta_f16": lambda f: make_roberta(f, torch.float16),
    "vit": lambda f: make_vit(f, torch.float32),
    "vit_f16": lambda f: make_vit(f, torch.float16),
    "gpt2": lambda f: make_gpt2(f, torch.float32),
    "gpt2_f16": lambda f: make_gpt2(f, torch.float16),
    "clip": lambda f: make_clip(f, torch.float32, legacy=True),
    "clip_f16": lambda f: make_clip(f, torch.float16, legacy=False),
}


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    output = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "tests" / "data" / "arch"
    torch.set_num_threads(1)
    for name, make in FOLDERS.items():
        shutil.rmtree(output / name, ignore_errors=True)
        torch.manual_seed(20240117)
        with torch.no_grad():
            make(output / name)
        size = sum(f.stat().st_size for f in (output / name).rglob("*") if f.is_file())
        print(f"{output / name}: {size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
