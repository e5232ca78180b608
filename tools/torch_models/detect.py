# SPDX-License-Identifier: MIT
#
# detect.py - a one-stage detector: two levels, decoded boxes, and NonMaxSuppression behind what
# PyTorch exports, since its own operator is torchvision's.

"""A detector with suppression for tools/make_torch_models.py."""

import torch
from onnx import TensorProto, helper
from torch import nn
from torch.nn import functional as F

from .case import Case, spread

CLASSES, ANCHORS, OVERLAP, LEAST, MOST = 4, 2, 0.5, 0.3, 5


class Detector(nn.Module):
    """Boxes [batch, places, 4] as corners, scores [batch, classes, places]."""

    def __init__(self):
        super().__init__()
        def step(into, out, stride):
            return nn.Sequential(nn.Conv2d(into, out, 3, stride, 1, bias=False),
                                 nn.BatchNorm2d(out), nn.LeakyReLU(0.1))
        self.one = nn.Sequential(step(3, 8, 2), step(8, 12, 2), step(12, 16, 2))
        self.two = step(16, 16, 2)
        self.side = nn.Conv2d(16, 16, 1)
        self.heads = nn.ModuleList(nn.Conv2d(16, ANCHORS * (5 + CLASSES), 1) for _ in range(2))
        self.register_buffer("sizes", torch.tensor([[[6., 9.], [14., 8.]],
                                                    [[20., 30.], [34., 22.]]]))

    def decode(self, x, level, stride):
        batch, _, height, width = x.shape
        x = x.view(batch, ANCHORS, 5 + CLASSES, height, width).permute(0, 1, 3, 4, 2)
        y = x.contiguous().sigmoid()
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        grid = torch.stack((columns, rows), 2).view(1, 1, height, width, 2).float()
        sizes = self.sizes[level].view(1, ANCHORS, 1, 1, 2)
        centre = (y[..., 0:2] * 2.0 - 0.5 + grid) * stride
        size = (y[..., 2:4] * 2) ** 2 * sizes
        found = torch.cat((centre, size, y[..., 4:]), -1)
        return found.view(batch, -1, 5 + CLASSES)

    def forward(self, image):
        one = self.one(image)
        two = self.two(one)
        one = self.side(one) + F.interpolate(two, size=one.shape[2:], mode="nearest")
        x = torch.cat([self.decode(self.heads[0](one), 0, 8),
                       self.decode(self.heads[1](two), 1, 16)], 1)
        half = x[..., 2:4] / 2
        boxes = torch.cat((x[..., :2] - half, x[..., :2] + half), -1)
        return boxes, (x[..., 5:] * x[..., 4:5]).transpose(1, 2)


def suppress(boxes, scores):
    """What NonMaxSuppression chooses, [count, 3] of batch, class and place."""
    chosen = []
    for image in range(boxes.shape[0]):
        for kind in range(scores.shape[1]):
            taken = []
            for place in torch.argsort(-scores[image, kind], stable=True).tolist():
                if scores[image, kind, place] <= LEAST or len(taken) == MOST:
                    break
                box = boxes[image, place]
                if all(overlap(box, boxes[image, other]) <= OVERLAP for other in taken):
                    taken.append(place)
            chosen += [[image, kind, place] for place in taken]
    return torch.tensor(chosen, dtype=torch.int64).reshape(-1, 3)


def overlap(a, b):
    size = (torch.min(a[2:], b[2:]) - torch.max(a[:2], b[:2])).clamp(min=0)
    both = size[0] * size[1]
    return both / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - both)


def finish(model):
    """boxes and scores -> NonMaxSuppression -> the boxes, scores and classes that stay."""
    graph = model.graph

    def number(name, value, kind):
        graph.initializer.append(helper.make_tensor(name, kind, value[0], value[1]))
    number("nms.most", ([1], [MOST]), TensorProto.INT64)
    number("nms.overlap", ([1], [OVERLAP]), TensorProto.FLOAT)
    number("nms.least", ([1], [LEAST]), TensorProto.FLOAT)
    number("nms.box_columns", ([2], [0, 2]), TensorProto.INT64)
    number("nms.class_column", ([1], [1]), TensorProto.INT64)
    graph.node.extend([
        helper.make_node("NonMaxSuppression", ["boxes", "scores", "nms.most", "nms.overlap",
                                               "nms.least"], ["chosen"], name="nms"),
        helper.make_node("Gather", ["chosen", "nms.box_columns"], ["nms.places"], axis=1),
        helper.make_node("GatherND", ["boxes", "nms.places"], ["chosen_boxes"]),
        helper.make_node("GatherND", ["scores", "chosen"], ["chosen_scores"]),
        helper.make_node("Gather", ["chosen", "nms.class_column"], ["nms.kinds"], axis=1),
        helper.make_node("Squeeze", ["nms.kinds"], ["chosen_classes"], axes=[1])])
    del graph.output[:]
    for name, kind, shape in (("boxes", TensorProto.FLOAT, ["batch", "places", 4]),
                              ("chosen_boxes", TensorProto.FLOAT, ["count", 4]),
                              ("chosen_scores", TensorProto.FLOAT, ["count"]),
                              ("chosen_classes", TensorProto.INT64, ["count"])):
        graph.output.append(helper.make_tensor_value_info(name, kind, shape))


def detector():
    network = spread(Detector())

    def answer(inputs):
        with torch.no_grad():
            boxes, scores = network(inputs["image"])
        chosen = suppress(boxes, scores)
        image, kind, place = chosen.unbind(1)
        return boxes, boxes[image, place], scores[image, kind, place], kind
    cases = [{"image": torch.randint(-128, 128, (n, 3, h, w)) / 64}
             for n, h, w in ((1, 64, 64), (2, 48, 80))]
    cases.append({"image": torch.zeros(1, 3, 32, 32)})
    return Case(network, ["boxes", "chosen_boxes", "chosen_scores", "chosen_classes"], cases,
                opset=11, dynamic={"image": {0: "batch", 2: "height", 3: "width"}}, half=False,
                finish=finish, answer=answer, traced=["boxes", "scores"])


MODELS = (detector,)
