"""Segment Anything's own classes in any size, and its forward pass for inputs of any size and batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from torch import Tensor, nn

__all__ = ["ARCHITECTURES", "SamArchitecture", "build_sam", "decode", "dense_positions", "encode", "prompt_tokens"]

PATCH = 16


@dataclass(frozen=True)
class SamArchitecture:
    """Sizes of a Segment Anything network (Kirillov et al. 2023, arXiv 2304.02643).

    Parameters
    ----------
    input_size : int
        Side of the square input it was made for, in pixels; a multiple of 16.
    width, depth, heads : int
        Of the image encoder, a vision transformer with patches of 16 pixels.
    global_layers : tuple of int
        Layers that attend to the whole image; the others to windows of ``window`` tokens (0 = no windows).
    embedding : int
        Channels of the image embedding and of the decoder.
    relative_positions : bool
        Whether attention has relative positions besides the absolute ones.
    decoder_mlp : int
        Hidden width of the decoder's transformer.
    """

    input_size: int
    width: int
    depth: int
    heads: int
    global_layers: tuple[int, ...] = ()
    window: int = 14
    embedding: int = 256
    relative_positions: bool = True
    decoder_mlp: int = 2048


ARCHITECTURES = {
    "vit_b": SamArchitecture(1024, 768, 12, 12, (2, 5, 8, 11)),
    "vit_l": SamArchitecture(1024, 1024, 24, 16, (5, 11, 17, 23)),
    "vit_h": SamArchitecture(1024, 1280, 32, 16, (7, 15, 23, 31)),
    "small": SamArchitecture(256, 192, 9, 6, (), 0, 128, False, 512),
}
"""By name; the first three are the published ones, ``small`` is that of the network shipped with this project."""


def build_sam(architecture: SamArchitecture) -> Sam:
    """Return an untrained network (random weights from torch's present seed), in evaluation mode."""
    a = architecture
    tokens = a.input_size // PATCH
    sam = Sam(
        image_encoder=ImageEncoderViT(
            img_size=a.input_size,
            patch_size=PATCH,
            embed_dim=a.width,
            depth=a.depth,
            num_heads=a.heads,
            out_chans=a.embedding,
            norm_layer=lambda channels: nn.LayerNorm(channels, eps=1e-6),
            use_rel_pos=a.relative_positions,
            window_size=a.window,
            global_attn_indexes=a.global_layers,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=a.embedding,
            image_embedding_size=(tokens, tokens),
            input_image_size=(a.input_size, a.input_size),
            mask_in_chans=16,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=a.embedding, mlp_dim=a.decoder_mlp, num_heads=8),
            transformer_dim=a.embedding,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        ),
    )
    return sam.eval()


def encode(sam: Sam, pixels: Tensor) -> Tensor:
    """Run the image encoder on inputs of any size that is a multiple of 16.

    Parameters
    ----------
    sam : Sam
        The network.
    pixels : torch.Tensor, shape (N, 3, Y, X)
        Normalised as the network wants it. The absolute position embedding is interpolated (bicubic) where the
        number of tokens is not that of training.

    Returns
    -------
    torch.Tensor, shape (N, E, Y/16, X/16)
    """
    encoder = sam.image_encoder
    x = encoder.patch_embed(pixels)
    x = x + _positions(encoder.pos_embed, x.shape[1], x.shape[2])
    for block in encoder.blocks:
        x = block(x)
    found: Tensor = encoder.neck(x.permute(0, 3, 1, 2))
    return found


def _positions(trained: Tensor, height: int, width: int) -> Tensor:
    """Absolute position embedding for another number of tokens, shape (1, height, width, C)."""
    if trained.shape[1:3] == (height, width):
        return trained
    maps = trained.float().permute(0, 3, 1, 2)
    resized = F.interpolate(maps, size=(height, width), mode="bicubic", align_corners=False, antialias=True)
    return resized.permute(0, 2, 3, 1).to(trained.dtype)


def dense_positions(sam: Sam, height: int, width: int) -> Tensor:
    """Return the decoder's position encoding of an embedding of any size, shape (1, E, height, width)."""
    layer = sam.prompt_encoder.pe_layer
    found: Tensor = layer((height, width)).unsqueeze(0)
    return found


def prompt_tokens(
    sam: Sam,
    size: tuple[int, int],
    points: Tensor | None,
    labels: Tensor | None,
    boxes: Tensor | None,
    masks: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Turn prompts into tokens, for inputs of any size.

    Parameters
    ----------
    sam : Sam
        The network.
    size : tuple of int
        (Y, X) of the input, in pixels.
    points : torch.Tensor, shape (B, P, 2), optional
        (x, y) in input pixels.
    labels : torch.Tensor, shape (B, P), optional
        1 inside, 0 outside, −1 padding.
    boxes : torch.Tensor, shape (B, 4), optional
        (x0, y0, x1, y1) in input pixels.
    masks : torch.Tensor, shape (B, 1, Y/4, X/4), optional
        Logits of an earlier answer.

    Returns
    -------
    sparse : torch.Tensor, shape (B, T, E)
    dense : torch.Tensor, shape (B, E, Y/16, X/16)
    """
    given = [part for part in (points, boxes, masks) if part is not None]
    if not given:
        raise ValueError("Expected points, boxes or masks, got none of them.")
    batch = given[0].shape[0]
    encoder = sam.prompt_encoder
    device = encoder.no_mask_embed.weight.device
    sparse = torch.empty((batch, 0, encoder.embed_dim), device=device)
    if points is not None:
        padding = boxes is None
        sparse = torch.cat([sparse, _point_tokens(encoder, size, points, labels, padding)], dim=1)
    if boxes is not None:
        corners = encoder.pe_layer.forward_with_coords(boxes.reshape(-1, 2, 2) + 0.5, size)
        kinds = torch.stack([encoder.point_embeddings[2].weight[0], encoder.point_embeddings[3].weight[0]])
        sparse = torch.cat([sparse, corners + kinds], dim=1)
    if masks is not None:
        dense = encoder.mask_downscaling(masks)
    else:
        empty = encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
        dense = empty.expand(batch, -1, size[0] // PATCH, size[1] // PATCH)
    return sparse, dense


def _point_tokens(encoder: Any, size: tuple[int, int], points: Tensor, labels: Tensor | None, pad: bool) -> Tensor:
    if labels is None:
        labels = torch.ones(points.shape[:2], device=points.device)
    points = points + 0.5  # centres of pixels
    if pad:  # without a box, the network was trained with one more point that is none
        points = torch.cat([points, points.new_zeros((points.shape[0], 1, 2))], dim=1)
        labels = torch.cat([labels, -torch.ones_like(labels[:, :1])], dim=1)
    found = encoder.pe_layer.forward_with_coords(points, size)
    kind = labels.unsqueeze(-1)
    found = torch.where(kind == -1, torch.zeros_like(found) + encoder.not_a_point_embed.weight, found)
    for value in (0, 1):
        found = torch.where(kind == value, found + encoder.point_embeddings[value].weight, found)
    return found


def decode(sam: Sam, embeddings: Tensor, sparse: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
    """Answer one prompt on each of B embeddings at once.

    Segment Anything's own decoder takes many prompts on one image; this runs the same layers for one prompt on
    each of many images, as slices of a volume and batches of training need it.

    Parameters
    ----------
    sam : Sam
        The network.
    embeddings : torch.Tensor, shape (B, E, h, w)
        From `encode`.
    sparse, dense : torch.Tensor
        From `prompt_tokens`.

    Returns
    -------
    logits : torch.Tensor, shape (B, 4, 4·h, 4·w)
        The single answer first, then the three answers to an ambiguous prompt.
    iou : torch.Tensor, shape (B, 4)
        Estimated intersection over union of each.
    """
    decoder = sam.mask_decoder
    batch, _, height, width = embeddings.shape
    own = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
    tokens = torch.cat([own.unsqueeze(0).expand(batch, -1, -1), sparse], dim=1)
    positions = dense_positions(sam, height, width).expand(batch, -1, -1, -1)
    hidden, image = decoder.transformer(embeddings + dense, positions, tokens)
    image = image.transpose(1, 2).reshape(batch, -1, height, width)
    image = decoder.output_upscaling(image)
    n_masks = decoder.num_mask_tokens
    weights = torch.stack([mlp(hidden[:, 1 + i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)], dim=1)
    logits = (weights @ image.flatten(2)).reshape(batch, n_masks, image.shape[2], image.shape[3])
    return logits, decoder.iou_prediction_head(hidden[:, 0])
