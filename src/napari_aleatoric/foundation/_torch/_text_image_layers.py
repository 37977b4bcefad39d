"""A vision transformer cut in two at a layer: what is below is computed once, what is above again and again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch.nn.functional as F
from open_clip.timm_model import TimmModel
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from timm.layers.attention import Attention
from timm.models.vision_transformer import Block
from timm.models.vision_transformer import VisionTransformer as TimmTransformer
from torch import Tensor, nn

from napari_aleatoric.errors import DataError

__all__ = ["VisionLayers", "default_layer", "vision_layers"]

_GATHERED = (
    "This network gathers its patches by attention, so that none of them can be compared with a sentence alone. "
    "Choose the saliency method m2ib or gradcam."
)
_PUBLISHED_LAYER, _PUBLISHED_LAYERS = 7, 12


def default_layer(n_layers: int) -> int:
    """Return the published layer of twelve, 7 from 0, or as deep in a network of another depth (our proposal)."""
    return min(max(n_layers - 2, 0), round(_PUBLISHED_LAYER / (_PUBLISHED_LAYERS - 1) * (n_layers - 1)))


class VisionLayers(ABC):
    """The image half of a text-image network, layer by layer.

    Parameters
    ----------
    blocks : torch.nn.ModuleList or Sequential
        The layers.
    n_prefix : int
        Tokens that stand before those of the patches.
    grid_yx : tuple of int
        Patches.
    width : int
        Channels of a token.
    reads_first : bool
        Whether the vector is taken from the first token alone, so that the last layer need only answer for it.
    """

    def __init__(
        self, blocks: Any, n_prefix: int, grid_yx: tuple[int, int], width: int, *, reads_first: bool
    ) -> None:
        self._blocks = list(blocks)
        self._reads_first = reads_first
        self.n_prefix, self.grid_yx = n_prefix, grid_yx
        self.n_numbers = (n_prefix + grid_yx[0] * grid_yx[1]) * width  # in the answer of a layer to one slice

    @property
    def n_layers(self) -> int:
        """How many layers there are."""
        return len(self._blocks)

    def layer(self, wanted: int | None) -> int:
        """Return the layer to look at.

        Raises
        ------
        DataError
            If there is no such layer, or none above it: then the patches no longer reach the answer.
        """
        found = default_layer(self.n_layers) if wanted is None else wanted
        if not 0 <= found <= self.n_layers - 2:
            raise DataError(
                f"Expected a layer of 0 to {self.n_layers - 2} (this network has {self.n_layers}, one has to be "
                f"above it), got {found}."
            )
        return found

    def below(self, pixels: Tensor, layer: int) -> Tensor:
        """Return the answer of a layer: pixels (N, 3, Y, X) → (N, T, C)."""
        hidden = self._tokens(pixels)
        for block in self._blocks[: layer + 1]:
            hidden = block(hidden)
        return hidden

    def above(self, hidden: Tensor, layer: int) -> Tensor:
        """Go on from the answer of a layer to the vectors: (N, T, C) → (N, D), not of length 1."""
        last = self.n_layers - 1
        for number in range(layer + 1, self.n_layers):
            block = self._blocks[number]
            if number == last and self._reads_first and self._can_answer_first(block):
                hidden = self._first(block, hidden)
            else:
                hidden = block(hidden)
        return self._vectors(hidden)

    @abstractmethod
    def patches(self, hidden: Tensor) -> Tensor:
        """Bring each patch of the last layer's answer to the vectors' space: (N, T, C) → (N, P, D).

        Each patch goes through what the pooled token goes through (dense reading of a text-image network; Zhou et
        al. 2022, arXiv 2112.01071). Where the vector is the mean of the patches, their mean is the vector. Patches
        of networks that read their first token never learnt to stand for themselves: expect little of them.

        Raises
        ------
        DataError
            If the network gathers its patches by attention: then none stands for itself.
        """

    @abstractmethod
    def _tokens(self, pixels: Tensor) -> Tensor:
        """Cut an image into what the first layer sees."""

    @abstractmethod
    def _vectors(self, hidden: Tensor) -> Tensor:
        """Take the vector from the answer of the last layer."""

    @abstractmethod
    def _can_answer_first(self, block: nn.Module) -> bool:
        """Whether `_first` knows this kind of layer."""

    @abstractmethod
    def _first(self, block: Any, hidden: Tensor) -> Tensor:
        """Answer for the first token only, (N, T, C) → (N, 1, C): the same numbers for less work."""


class _TimmLayers(VisionLayers):
    """Of a vision transformer of timm, as BiomedCLIP has it."""

    def __init__(self, visual: TimmModel) -> None:
        trunk: Any = visual.trunk
        size, patch = visual.image_size, trunk.patch_embed.patch_size
        super().__init__(
            trunk.blocks,
            int(trunk.num_prefix_tokens),
            (size[0] // patch[0], size[1] // patch[1]),
            int(trunk.embed_dim),
            reads_first=trunk.global_pool == "token" and trunk.attn_pool is None,
        )
        self._trunk, self._head = trunk, visual.head

    def _tokens(self, pixels: Tensor) -> Tensor:
        tokens: Tensor = self._trunk._pos_embed(self._trunk.patch_embed(pixels))
        found: Tensor = self._trunk.norm_pre(self._trunk.patch_drop(tokens))
        return found

    def _vectors(self, hidden: Tensor) -> Tensor:
        found: Tensor = self._head(self._trunk.forward_head(self._trunk.norm(hidden)))
        return found

    def patches(self, hidden: Tensor) -> Tensor:
        if self._trunk.attn_pool is not None:
            raise DataError(_GATHERED)
        normal = self._trunk.fc_norm(self._trunk.norm(hidden)[:, self.n_prefix :])
        found: Tensor = self._head(self._trunk.head(normal))
        return found

    def _can_answer_first(self, block: nn.Module) -> bool:
        return type(block) is Block and type(block.attn) is Attention and getattr(block.attn, "gate", None) is None

    def _first(self, block: Any, hidden: Tensor) -> Tensor:
        attention, normal = block.attn, block.norm1(hidden)
        n, t, _ = normal.shape
        heads, width, inner = attention.num_heads, attention.head_dim, attention.attn_dim
        weight, bias = attention.qkv.weight, attention.qkv.bias
        q = F.linear(normal[:, :1], weight[:inner], None if bias is None else bias[:inner])
        kv = F.linear(normal, weight[inner:], None if bias is None else bias[inner:])
        k, v = kv.view(n, t, 2, heads, width).permute(2, 0, 3, 1, 4).unbind(0)
        q = attention.q_norm(q.view(n, 1, heads, width).transpose(1, 2))
        found = F.scaled_dot_product_attention(q, attention.k_norm(k), v)
        found = attention.proj(attention.norm(found.transpose(1, 2).reshape(n, 1, inner)))
        first = hidden[:, :1] + block.ls1(found)
        answer: Tensor = first + block.ls2(block.mlp(block.norm2(first)))
        return answer


class _OwnLayers(VisionLayers):
    """Of open_clip's own vision transformer."""

    def __init__(self, visual: VisionTransformer) -> None:
        tokens_only = visual.attn_pool is None and visual.pool_type == "tok"
        grid = (int(visual.grid_size[0]), int(visual.grid_size[1]))
        super().__init__(visual.transformer.resblocks, 1, grid, visual.transformer.width, reads_first=tokens_only)
        self._visual: Any = visual

    def _tokens(self, pixels: Tensor) -> Tensor:
        found: Tensor = self._visual._embeds(pixels)
        return found

    def _vectors(self, hidden: Tensor) -> Tensor:
        pooled: Tensor = self._visual._pool(hidden)[0]
        return pooled if self._visual.proj is None else pooled @ self._visual.proj

    def patches(self, hidden: Tensor) -> Tensor:
        if self._visual.attn_pool is not None:
            raise DataError(_GATHERED)
        normal: Tensor = self._visual.ln_post(hidden)[:, self.n_prefix :]
        return normal if self._visual.proj is None else normal @ self._visual.proj

    def _can_answer_first(self, block: nn.Module) -> bool:
        return type(block) is ResidualAttentionBlock and not hasattr(block, "ln_1_kv")

    def _first(self, block: Any, hidden: Tensor) -> Tensor:
        normal = block.ln_1(hidden)
        first = hidden[:, :1] + block.ls_1(block.attention(normal[:, :1], normal, normal))
        answer: Tensor = first + block.ls_2(block.mlp(block.ln_2(first)))
        return answer


def vision_layers(visual: nn.Module) -> VisionLayers:
    """Cut the image half of a network into layers.

    Raises
    ------
    DataError
        If it is no vision transformer.
    """
    if isinstance(visual, TimmModel) and isinstance(visual.trunk, TimmTransformer):
        return _TimmLayers(visual)
    if isinstance(visual, VisionTransformer) and visual.transformer.batch_first:
        return _OwnLayers(visual)
    kind = type(getattr(visual, "trunk", visual)).__name__
    raise DataError(
        f"Saliency needs a vision transformer, and the image network is a {kind}. Choose another model."
    )
