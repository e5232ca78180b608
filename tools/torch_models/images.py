# SPDX-License-Identifier: MIT
#
# images.py - networks that look at pictures, narrow: ViT, Swin, ResNet-18, AlexNet, SqueezeNet,
# MobileNetV3, EfficientNet, ConvNeXt, and a diffusion U-Net.

"""Image models for tools/make_torch_models.py."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .case import Case, spread


def pictures(*sizes):
    """Values of 1/64, so that they can be stored as bytes."""
    return [{"image": torch.randint(-64, 65, (n, 3, h, w)) / 64} for n, h, w in sizes]


def dynamic(image, output):
    return {"image": image, "scores": output}


BATCH = {0: "batch"}
FREE = {0: "batch", 2: "height", 3: "width"}


class VitBlock(nn.Module):
    """Attention as timm writes it: one product for q, k and v, q scaled first."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 3 * width), nn.GELU(),
                                 nn.Linear(3 * width, width))

    def forward(self, x):
        batch, length, width = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attention = ((q * self.scale) @ k.transpose(-2, -1)).softmax(dim=-1)
        x = x + self.proj((attention @ v).transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    def __init__(self, width=24, heads=3, size=32, patch=8, classes=10):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, width) * 0.5)
        self.blocks = nn.Sequential(*(VitBlock(width, heads) for _ in range(2)))
        self.norm, self.head = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, classes)

    def forward(self, image):
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), dim=1) + self.places
        return self.head(self.norm(self.blocks(x))[:, 0])


def vit():
    return Case(spread(Vit()), ["scores"], pictures((2, 32, 32), (1, 32, 32), (5, 32, 32)),
                opset=12, dynamic=dynamic(BATCH, BATCH))


class SwinBlock(nn.Module):
    """Attention in shifted windows with a bias for relative places."""

    def __init__(self, width, heads, size, window, shift):
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(),
                                 nn.Linear(2 * width, width))
        self.table = nn.Parameter(torch.randn((2 * window - 1) ** 2, heads))
        places = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window),
                                            indexing="ij")).flatten(1)
        offset = (places[:, :, None] - places[:, None, :]).permute(1, 2, 0) + window - 1
        self.register_buffer("index", offset[:, :, 0] * (2 * window - 1) + offset[:, :, 1])
        region = torch.zeros(1, size, size, 1)
        cuts = (slice(0, -window), slice(-window, -shift), slice(-shift, None)) if shift else ()
        for i, rows in enumerate(cuts):
            for j, columns in enumerate(cuts):
                region[:, rows, columns, :] = 3 * i + j
        region = self.windows(region).view(-1, window * window)
        other = region.unsqueeze(1) - region.unsqueeze(2)
        self.register_buffer("mask", other.masked_fill(other != 0, -100.0))

    def windows(self, x):
        b, h, w, c = x.shape
        x = x.view(b, h // self.window, self.window, w // self.window, self.window, c)
        return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, self.window, self.window, c)

    def attend(self, x):
        batch, length, width = x.shape
        qkv = self.qkv(x).reshape(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q * (width // self.heads) ** -0.5) @ k.transpose(-2, -1)
        bias = self.table[self.index.view(-1)].view(length, length, -1).permute(2, 0, 1)
        scores = scores + bias.contiguous().unsqueeze(0)
        if self.shift:
            count = self.mask.shape[0]
            scores = scores.view(batch // count, count, self.heads, length, length)
            scores = scores + self.mask.unsqueeze(1).unsqueeze(0)
            scores = scores.view(-1, self.heads, length, length)
        mixed = (F.softmax(scores, dim=-1) @ v).transpose(1, 2).reshape(batch, length, width)
        return self.proj(mixed)

    def forward(self, x):
        b, h, w, c = x.shape
        y = self.norm1(x)
        if self.shift:
            y = torch.roll(y, shifts=(-self.shift, -self.shift), dims=(1, 2))
        y = self.attend(self.windows(y).view(-1, self.window * self.window, c))
        y = y.view(b, h // self.window, w // self.window, self.window, self.window, c)
        y = y.permute(0, 1, 3, 2, 4, 5).contiguous().view(b, h, w, c)
        if self.shift:
            y = torch.roll(y, shifts=(self.shift, self.shift), dims=(1, 2))
        x = x + y
        return x + self.mlp(self.norm2(x))


class Swin(nn.Module):
    def __init__(self, width=16, size=8, window=4):
        super().__init__()
        self.patches, self.norm0 = nn.Conv2d(3, width, 4, 4), nn.LayerNorm(width)
        self.blocks = nn.Sequential(SwinBlock(width, 2, size, window, 0),
                                    SwinBlock(width, 2, size, window, window // 2))
        self.norm1 = nn.LayerNorm(4 * width)
        self.merge = nn.Linear(4 * width, 2 * width, bias=False)
        self.last = SwinBlock(2 * width, 4, size // 2, window, 0)
        self.norm, self.head = nn.LayerNorm(2 * width), nn.Linear(2 * width, 10)

    def forward(self, image):
        x = self.blocks(self.norm0(self.patches(image).permute(0, 2, 3, 1)))
        x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
        x = self.norm(self.last(self.merge(self.norm1(x))))
        return self.head(F.adaptive_avg_pool1d(x.flatten(1, 2).transpose(1, 2), 1).flatten(1))


def swin():
    return Case(spread(Swin()), ["scores"], pictures((2, 32, 32), (1, 32, 32)), opset=16,
                dynamic=dynamic(BATCH, BATCH), half=False)


class BasicBlock(nn.Module):
    def __init__(self, into, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn1, self.bn2, self.relu = nn.BatchNorm2d(out), nn.BatchNorm2d(out), nn.ReLU(True)
        self.down = None
        if stride != 1 or into != out:
            self.down = nn.Sequential(nn.Conv2d(into, out, 1, stride, bias=False),
                                      nn.BatchNorm2d(out))

    def forward(self, x):
        same = self.down(x) if self.down else x
        return self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))) + same)


class ResNet(nn.Module):
    """ResNet-18's blocks with a sixteenth of its channels."""

    def __init__(self, widths=(4, 8, 12, 16)):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 7, 2, 3, bias=False),
                                  nn.BatchNorm2d(widths[0]), nn.ReLU(True), nn.MaxPool2d(3, 2, 1))
        layers, into = [], widths[0]
        for index, out in enumerate(widths):
            layers += [BasicBlock(into, out, 2 if index else 1), BasicBlock(out, out, 1)]
            into = out
        self.layers, self.pool = nn.Sequential(*layers), nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(into, 10)

    def forward(self, image):
        return self.fc(torch.flatten(self.pool(self.layers(self.stem(image))), 1))


def resnet18():
    return Case(spread(ResNet()), ["scores"], pictures((2, 64, 64), (1, 75, 50)),
                opset=11, dynamic=dynamic(FREE, BATCH), fold=False)


class AlexNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 11, stride=4, padding=2), nn.ReLU(True), nn.MaxPool2d(3, 2),
            nn.Conv2d(6, 12, 5, padding=2), nn.ReLU(True), nn.MaxPool2d(3, 2),
            nn.Conv2d(12, 16, 3, padding=1), nn.ReLU(True),
            nn.Conv2d(16, 12, 3, padding=1), nn.ReLU(True),
            nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(True), nn.MaxPool2d(3, 2))
        self.pool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(48, 40), nn.ReLU(True),
                                        nn.Dropout(), nn.Linear(40, 32), nn.ReLU(True),
                                        nn.Linear(32, 10))

    def forward(self, image):
        return self.classifier(torch.flatten(self.pool(self.features(image)), 1))


def alexnet():
    return Case(spread(AlexNet()), ["scores"], pictures((1, 95, 95), (2, 95, 95)), opset=11,
                dynamic=dynamic(BATCH, BATCH))


class Fire(nn.Module):
    def __init__(self, into, squeeze, out):
        super().__init__()
        self.squeeze = nn.Conv2d(into, squeeze, 1)
        self.one, self.three = nn.Conv2d(squeeze, out, 1), nn.Conv2d(squeeze, out, 3, padding=1)

    def forward(self, x):
        x = F.relu(self.squeeze(x), inplace=True)
        return torch.cat([F.relu(self.one(x)), F.relu(self.three(x))], 1)


class SqueezeNet(nn.Module):
    """Pooling with ceil_mode, as in 1.1; the classifier is a convolution."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(True), nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(8, 4, 8), Fire(16, 4, 8), nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(16, 6, 12), Fire(24, 6, 12), nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(24, 8, 16), Fire(32, 8, 16))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(32, 10, 1), nn.ReLU(True),
                                        nn.AdaptiveAvgPool2d((1, 1)))

    def forward(self, image):
        return torch.flatten(self.classifier(self.features(image)), 1)


def squeezenet():
    return Case(spread(SqueezeNet()), ["scores"], pictures((2, 64, 64), (1, 70, 53)), opset=12,
                dynamic=dynamic(FREE, BATCH))


class WrittenHardSwish(nn.Module):
    """As many repositories write it, before PyTorch had it."""

    def forward(self, x):
        return x * (F.relu6(x + 3.0) / 6.0)


class SqueezeExcite(nn.Module):
    def __init__(self, width, inner, inside, gate):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(width, inner, 1), nn.Conv2d(inner, width, 1)
        self.inside, self.gate = inside, gate

    def forward(self, x):
        return x * self.gate(self.fc2(self.inside(self.fc1(self.pool(x)))))


class MeanExcite(SqueezeExcite):
    """With a mean over axes instead of a pooling layer."""

    def forward(self, x):
        y = x.mean((2, 3), keepdim=True)
        return x * self.gate(self.fc2(self.inside(self.fc1(y))))


class Inverted(nn.Module):
    """Expand, depthwise, squeeze-and-excite, project; residual where shapes allow."""

    def __init__(self, into, expand, out, kernel, stride, act, excite):
        super().__init__()
        self.same = stride == 1 and into == out
        layers = [nn.Conv2d(into, expand, 1, bias=False), nn.BatchNorm2d(expand), act,
                  nn.Conv2d(expand, expand, kernel, stride, kernel // 2, groups=expand, bias=False),
                  nn.BatchNorm2d(expand), act]
        layers += [excite] if excite else []
        self.body = nn.Sequential(*layers, nn.Conv2d(expand, out, 1, bias=False),
                                  nn.BatchNorm2d(out))

    def forward(self, x):
        return x + self.body(x) if self.same else self.body(x)


class MobileNetV3(nn.Module):
    def __init__(self):
        super().__init__()
        hard, written, relu = nn.Hardswish(), WrittenHardSwish(), nn.ReLU()
        excite = SqueezeExcite(24, 8, relu, nn.Hardsigmoid())
        other = SqueezeExcite(32, 8, relu, lambda x: F.relu6(x + 3) / 6)
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), hard,
            Inverted(8, 8, 8, 3, 1, relu, None), Inverted(8, 24, 12, 3, 2, relu, None),
            Inverted(12, 24, 12, 5, 1, hard, excite), Inverted(12, 32, 16, 5, 2, written, other),
            Inverted(16, 32, 16, 3, 1, hard, None),
            nn.Conv2d(16, 48, 1, bias=False), nn.BatchNorm2d(48), written)
        self.classifier = nn.Sequential(nn.Linear(48, 40), hard, nn.Dropout(0.2),
                                        nn.Linear(40, 10))

    def forward(self, image):
        x = F.adaptive_avg_pool2d(self.features(image), 1)
        return self.classifier(torch.flatten(x, 1))


def mobilenet_v3():
    return Case(spread(MobileNetV3()), ["scores"], pictures((2, 64, 64), (1, 48, 80)), opset=11,
                dynamic=dynamic(FREE, BATCH))


def mobilenet_v3_op14():
    return Case(spread(MobileNetV3()), ["scores"], pictures((2, 32, 32)), opset=14,
                dynamic=dynamic(FREE, BATCH), fold=False, half=False)


class EfficientNet(nn.Module):
    """SiLU, squeeze-and-excite with a sigmoid, depthwise 3x3 and 5x5."""

    def __init__(self):
        super().__init__()
        silu = nn.SiLU(True)

        def excite(width):
            return MeanExcite(width, 4, silu, nn.Sigmoid())
        self.features = nn.Sequential(
            nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 8, 3, 2, bias=False), nn.BatchNorm2d(8), silu,
            Inverted(8, 8, 8, 3, 1, silu, excite(8)), Inverted(8, 32, 12, 3, 2, silu, excite(32)),
            Inverted(12, 48, 12, 5, 1, silu, excite(48)),
            Inverted(12, 48, 16, 5, 2, silu, excite(48)),
            nn.Conv2d(16, 48, 1, bias=False), nn.BatchNorm2d(48), silu)
        self.classifier = nn.Linear(48, 10)

    def forward(self, image):
        return self.classifier(self.features(image).mean([2, 3]))


def efficientnet():
    return Case(spread(EfficientNet()), ["scores"], pictures((2, 64, 64), (1, 40, 72)), opset=13,
                dynamic=dynamic(FREE, BATCH))


class ConvNextBlock(nn.Module):
    """Depthwise 7x7, layer norm with channels last, a learnt scale for each channel."""

    def __init__(self, width):
        super().__init__()
        self.depth = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm, self.up = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, 3 * width)
        self.down, self.gamma = nn.Linear(3 * width, width), nn.Parameter(torch.ones(width) * 0.3)

    def forward(self, x):
        y = self.norm(self.depth(x).permute(0, 2, 3, 1))
        y = self.gamma * self.down(F.gelu(self.up(y)))
        return x + y.permute(0, 3, 1, 2)


class ChannelNorm(nn.Module):
    """Layer norm over axis 1, written out."""

    def __init__(self, width):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x):
        centred = x - x.mean(1, keepdim=True)
        variance = centred.pow(2).mean(1, keepdim=True)
        x = centred / torch.sqrt(variance + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class ConvNext(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 12, 4, 4), ChannelNorm(12), ConvNextBlock(12), ChannelNorm(12),
            nn.Conv2d(12, 24, 2, 2), ConvNextBlock(24))
        self.norm, self.head = nn.LayerNorm(24, eps=1e-6), nn.Linear(24, 10)

    def forward(self, image):
        return self.head(self.norm(self.features(image).mean([-2, -1])))


def convnext():
    return Case(spread(ConvNext()), ["scores"], pictures((2, 48, 48), (1, 32, 72)), opset=17,
                dynamic=dynamic(FREE, BATCH))


class ResBlock(nn.Module):
    def __init__(self, into, out, time):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(4, into), nn.GroupNorm(4, out)
        self.conv1 = nn.Conv2d(into, out, 3, padding=1)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        self.time = nn.Linear(time, out)
        self.skip = nn.Conv2d(into, out, 1) if into != out else nn.Identity()

    def forward(self, x, time):
        y = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(time))[:, :, None, None]
        return self.skip(x) + self.conv2(F.silu(self.norm2(y)))


class Spatial(nn.Module):
    """Attention over pixels by baddbmm, as diffusers writes it."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.norm = nn.GroupNorm(4, width, eps=1e-6)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def split(self, x):
        batch, length, width = x.shape
        x = x.reshape(batch, length, self.heads, width // self.heads).permute(0, 2, 1, 3)
        return x.reshape(batch * self.heads, length, width // self.heads)

    def forward(self, x):
        batch, width, height, breadth = x.shape
        y = self.norm(x).view(batch, width, height * breadth).transpose(1, 2)
        q, k, v = self.split(self.query(y)), self.split(self.key(y)), self.split(self.value(y))
        scores = torch.baddbmm(torch.empty(q.shape[0], q.shape[1], k.shape[1]), q,
                               k.transpose(-1, -2), beta=0, alpha=self.scale)
        y = torch.bmm(scores.softmax(dim=-1), v)
        y = y.reshape(batch, self.heads, -1, width // self.heads).permute(0, 2, 1, 3)
        y = self.out(y.reshape(batch, -1, width))
        return x + y.transpose(-1, -2).reshape(batch, width, height, breadth)


class Unet(nn.Module):
    """Two levels: group norms, SiLU, a time embedding, attention in the middle, skips."""

    def __init__(self, width=8, time=16):
        super().__init__()
        self.width = width
        self.time1, self.time2 = nn.Linear(width, time), nn.Linear(time, time)
        self.into = nn.Conv2d(3, width, 3, padding=1)
        self.down1, self.shrink = ResBlock(width, width, time), nn.Conv2d(width, 16, 3, 2, 1)
        self.down2 = ResBlock(16, 16, time)
        self.middle, self.attention = ResBlock(16, 16, time), Spatial(16, 2)
        self.up2, self.grow = ResBlock(32, 16, time), nn.Conv2d(16, 16, 3, padding=1)
        self.up1 = ResBlock(16 + width, width, time)
        self.norm, self.out = nn.GroupNorm(4, width), nn.Conv2d(width, 3, 3, padding=1)

    def embed(self, timestep):
        half = self.width // 2
        rates = torch.exp(-math.log(10000) * torch.arange(0, half, dtype=torch.float32) / half)
        angles = timestep[:, None].float() * rates[None, :]
        waves = torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)
        return self.time2(F.silu(self.time1(waves)))

    def forward(self, image, timestep):
        time = self.embed(timestep)
        one = self.down1(self.into(image), time)
        two = self.down2(self.shrink(one), time)
        x = self.attention(self.middle(two, time))
        x = self.up2(torch.cat([x, two], dim=1), time)
        x = self.grow(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        x = self.up1(torch.cat([x, one], dim=1), time)
        return self.out(F.silu(self.norm(x)))


def unet():
    def case(batch, height, width):
        return {"image": torch.randn(batch, 3, height, width),
                "timestep": torch.randint(0, 1000, (batch,))}
    return Case(spread(Unet()), ["noise"], [case(2, 16, 16), case(1, 24, 8), case(1, 16, 40)],
                opset=14, dynamic={"image": FREE, "noise": FREE, "timestep": BATCH})


MODELS = (vit, swin, resnet18, alexnet, squeezenet, mobilenet_v3, mobilenet_v3_op14, efficientnet,
          convnext, unet)
