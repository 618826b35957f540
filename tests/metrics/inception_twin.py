"""The Inception network of FID, module by module and block by block, at any width.

With ``share=1`` it has the names and the shapes of the genuine weight file; smaller shares make it
quick. Batch normalisation is its own layer, as in the file.
"""

import torch
from torch import nn
from torch.nn import functional as F


class Conv(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Block(nn.Module):
    """Convolutions ``branch*``: name -> (in, out, kernel height, width, stride, padded)."""

    def __init__(self, **convolutions):
        super().__init__()
        for name, (inputs, outputs, height, width, stride, padded) in convolutions.items():
            padding = (height // 2, width // 2) if padded else 0
            self.add_module(
                f"branch{name}", Conv(inputs, outputs, (height, width), stride, padding)
            )

    def run(self, x, *names):
        for name in names:
            x = getattr(self, f"branch{name}")(x)
        return x


def average(x):
    """The mean over those of the 3 x 3 neighbours that exist."""
    ones = torch.ones_like(x[:, :1])
    kernel = x.new_ones(1, 1, 3, 3)
    total = F.conv2d(x.flatten(0, 1)[:, None], kernel, padding=1).view(x.shape)
    return total / F.conv2d(ones, kernel, padding=1)


class A(Block):
    def __init__(self, n, pooled, s):
        super().__init__(
            **{
                "1x1": (n, s(64), 1, 1, 1, True),
                "5x5_1": (n, s(48), 1, 1, 1, True),
                "5x5_2": (s(48), s(64), 5, 5, 1, True),
                "3x3dbl_1": (n, s(64), 1, 1, 1, True),
                "3x3dbl_2": (s(64), s(96), 3, 3, 1, True),
                "3x3dbl_3": (s(96), s(96), 3, 3, 1, True),
                "_pool": (n, s(pooled), 1, 1, 1, True),
            }
        )

    def forward(self, x):
        triple = self.run(x, "3x3dbl_1", "3x3dbl_2", "3x3dbl_3")
        five = self.run(x, "5x5_1", "5x5_2")
        return torch.cat([self.run(x, "1x1"), five, triple, self.run(average(x), "_pool")], 1)


class B(Block):
    def __init__(self, n, s):
        super().__init__(
            **{
                "3x3": (n, s(384), 3, 3, 2, False),
                "3x3dbl_1": (n, s(64), 1, 1, 1, True),
                "3x3dbl_2": (s(64), s(96), 3, 3, 1, True),
                "3x3dbl_3": (s(96), s(96), 3, 3, 2, False),
            }
        )

    def forward(self, x):
        triple = self.run(x, "3x3dbl_1", "3x3dbl_2", "3x3dbl_3")
        return torch.cat([self.run(x, "3x3"), triple, F.max_pool2d(x, 3, 2)], 1)


class C(Block):
    def __init__(self, n, c, s):
        c = s(c)
        super().__init__(
            **{
                "1x1": (n, s(192), 1, 1, 1, True),
                "7x7_1": (n, c, 1, 1, 1, True),
                "7x7_2": (c, c, 1, 7, 1, True),
                "7x7_3": (c, s(192), 7, 1, 1, True),
                "7x7dbl_1": (n, c, 1, 1, 1, True),
                "7x7dbl_2": (c, c, 7, 1, 1, True),
                "7x7dbl_3": (c, c, 1, 7, 1, True),
                "7x7dbl_4": (c, c, 7, 1, 1, True),
                "7x7dbl_5": (c, s(192), 1, 7, 1, True),
                "_pool": (n, s(192), 1, 1, 1, True),
            }
        )

    def forward(self, x):
        once = self.run(x, "7x7_1", "7x7_2", "7x7_3")
        twice = self.run(x, *(f"7x7dbl_{i}" for i in (1, 2, 3, 4, 5)))
        return torch.cat([self.run(x, "1x1"), once, twice, self.run(average(x), "_pool")], 1)


class D(Block):
    def __init__(self, n, s):
        super().__init__(
            **{
                "3x3_1": (n, s(192), 1, 1, 1, True),
                "3x3_2": (s(192), s(320), 3, 3, 2, False),
                "7x7x3_1": (n, s(192), 1, 1, 1, True),
                "7x7x3_2": (s(192), s(192), 1, 7, 1, True),
                "7x7x3_3": (s(192), s(192), 7, 1, 1, True),
                "7x7x3_4": (s(192), s(192), 3, 3, 2, False),
            }
        )

    def forward(self, x):
        long = self.run(x, *(f"7x7x3_{i}" for i in (1, 2, 3, 4)))
        return torch.cat([self.run(x, "3x3_1", "3x3_2"), long, F.max_pool2d(x, 3, 2)], 1)


class E(Block):
    def __init__(self, n, pool, s):
        c = s(384)
        super().__init__(
            **{
                "1x1": (n, s(320), 1, 1, 1, True),
                "3x3_1": (n, c, 1, 1, 1, True),
                "3x3_2a": (c, c, 1, 3, 1, True),
                "3x3_2b": (c, c, 3, 1, 1, True),
                "3x3dbl_1": (n, s(448), 1, 1, 1, True),
                "3x3dbl_2": (s(448), c, 3, 3, 1, True),
                "3x3dbl_3a": (c, c, 1, 3, 1, True),
                "3x3dbl_3b": (c, c, 3, 1, 1, True),
                "_pool": (n, s(192), 1, 1, 1, True),
            }
        )
        self.pool = pool

    def forward(self, x):
        once = self.run(x, "3x3_1")
        twice = self.run(x, "3x3dbl_1", "3x3dbl_2")
        return torch.cat(
            [
                self.run(x, "1x1"),
                self.run(once, "3x3_2a"),
                self.run(once, "3x3_2b"),
                self.run(twice, "3x3dbl_3a"),
                self.run(twice, "3x3dbl_3b"),
                self.run(self.pool(x), "_pool"),
            ],
            1,
        )


class Twin(nn.Module):
    """[B, 3, 299, 299] in [-1, 1] to [B, 2048 * share]."""

    def __init__(self, share=1.0):
        super().__init__()

        def s(channels):
            return max(1, round(channels * share))

        self.Conv2d_1a_3x3 = Conv(3, s(32), 3, 2)
        self.Conv2d_2a_3x3 = Conv(s(32), s(32), 3)
        self.Conv2d_2b_3x3 = Conv(s(32), s(64), 3, padding=1)
        self.Conv2d_3b_1x1 = Conv(s(64), s(80), 1)
        self.Conv2d_4a_3x3 = Conv(s(80), s(192), 3)
        self.Mixed_5b = A(s(192), 32, s)
        self.Mixed_5c = A(s(256), 64, s)
        self.Mixed_5d = A(s(288), 64, s)
        self.Mixed_6a = B(s(288), s)
        for letter, channels in zip("bcde", (128, 160, 160, 192), strict=True):
            self.add_module(f"Mixed_6{letter}", C(s(768), channels, s))
        self.Mixed_7a = D(s(768), s)
        self.Mixed_7b = E(s(1280), average, s)
        self.Mixed_7c = E(s(2048), lambda x: F.max_pool2d(x, 3, 1, 1), s)
        self.eval()

    def forward(self, x):
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = F.max_pool2d(x, 3, 2)
        for name, block in self.named_children():
            if name.startswith("Mixed"):
                x = block(x)
        return F.adaptive_avg_pool2d(x, 1).flatten(1)

    def randomise(self, seed=0):
        """Batch normalisations that do something."""
        draw = torch.Generator().manual_seed(seed)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                spread = (2 / layer.weight[0].numel()) ** 0.5
                layer.weight.data = spread * torch.randn(layer.weight.shape, generator=draw)
            elif isinstance(layer, nn.BatchNorm2d):
                n = layer.num_features
                layer.running_mean = 0.2 * torch.randn(n, generator=draw)
                layer.running_var = 0.5 + torch.rand(n, generator=draw)
                layer.weight.data = 1 + 0.2 * torch.randn(n, generator=draw)
                layer.bias.data = 0.2 * torch.randn(n, generator=draw)
        return self
