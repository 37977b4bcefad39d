"""Which weights there are: names, sources, digests and licences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

__all__ = [
    "ARCHITECTURE_NAMES",
    "SHIPPED_FOLDER",
    "WEIGHTS",
    "KnownWeights",
    "Scaling",
    "shipped_record",
    "shipped_weights",
]

Scaling = Literal["imagenet", "unit"]

ARCHITECTURE_NAMES = (
    "vit_b",
    "vit_l",
    "vit_h",
    "small",
    "sam2.1_hiera_tiny",
    "sam2.1_hiera_tiny_512",
    "sam2.1_hiera_small",
    "sam2.1_hiera_base_plus",
    "sam2.1_hiera_large",
    "sam2",
)
"""Keys of the tables of architectures, named here so that nothing heavy is loaded to know them.

The last is any SAM 2 network that brings its configuration, see ``_folder.py``.
"""

SHIPPED_FOLDER = Path(__file__).parent.with_name("weights")
"""Where the weights lie that come with the package."""


@dataclass(frozen=True)
class KnownWeights:
    """One file of weights, as it was published or as a user brought it.

    Parameters
    ----------
    name : str
        What it is called here.
    architecture : str
        The network it belongs to, one of `ARCHITECTURE_NAMES`.
    file_name : str
        Under which it is published, and kept.
    urls : tuple of str
        Where it can be had, tried in order. Empty for shipped weights and for those of the user.
    sha256 : str or None
        Digest of the whole file, 64 hexadecimal digits. None only for shipped weights that this copy of the
        program came without.
    size_bytes : int
        Size of the file; 0 where ``sha256`` is None.
    licence : str
        SPDX identifier and whose terms they are.
    good_for : str
        What to use it for, one sentence.
    scaling : {"imagenet", "unit"}
        What the network wants: intensities normalised by ImageNet's mean and deviation, or scaled to 0 … 1.
    origin : {"shipped", "published", "own"}
        Comes with the package, can be downloaded, or was imported by the user under a name of their own.
    """

    name: str
    architecture: str
    file_name: str
    urls: tuple[str, ...]
    sha256: str | None
    size_bytes: int
    licence: str
    good_for: str
    scaling: Scaling = "imagenet"
    origin: Literal["shipped", "published", "own"] = "published"


def shipped_weights(folder: Path = SHIPPED_FOLDER) -> KnownWeights:
    """Describe the small network that comes with the package.

    Parameters
    ----------
    folder : Path
        Holds ``sam-small.safetensors`` and ``sam-small.json`` with the keys ``sha256``, ``size_bytes`` and,
        optionally, ``licence``. Without a readable record the weights count as missing.
    """
    record = shipped_record(folder, "sam-small")
    return KnownWeights(
        name="sam-small",
        architecture="small",
        file_name="sam-small.safetensors",
        urls=(),
        sha256=record.get("sha256"),
        size_bytes=int(record.get("size_bytes", 0)),
        licence=str(record.get("licence", "see the model card")),
        good_for="The first minute, machines without a graphics card, and everything offline: boxes and clicks "
        "on slices of any kind of image.",
        origin="shipped",
    )


def shipped_record(folder: Path, name: str) -> dict[str, Any]:
    """Read what is recorded about weights that come with the package; empty where nothing can be read."""
    try:
        found = json.loads((folder / f"{name}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("sha256"), str) else {}


def _segment_anything(size: str, digits: str, sha256: str, size_bytes: int, good_for: str) -> KnownWeights:
    file_name = f"sam_vit_{size}_{digits}.pth"
    return KnownWeights(
        name=f"sam-vit-{size}",
        architecture=f"vit_{size}",
        file_name=file_name,
        urls=(f"https://dl.fbaipublicfiles.com/segment_anything/{file_name}",),
        sha256=sha256,
        size_bytes=size_bytes,
        licence="Apache-2.0 (Meta, Segment Anything)",
        good_for=good_for,
    )


_ALL = (
    shipped_weights(),
    _segment_anything(
        "b",
        "01ec64",
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        375_042_383,
        "Good masks of clear borders in any image; the smallest of Meta's, usable without a graphics card.",
    ),
    _segment_anything(
        "l",
        "0b3195",
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        1_249_524_607,
        "Nearly as good as the largest, at half its cost; wants a graphics card.",
    ),
    _segment_anything(
        "h",
        "4b8939",
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        2_564_550_879,
        "The best of Meta's, and the slowest; wants a graphics card.",
    ),
    KnownWeights(
        name="medsam-vit-b",
        architecture="vit_b",
        file_name="medsam_vit_b.pth",
        urls=("https://zenodo.org/records/10689643/files/medsam_vit_b.pth",),
        # The published record names no SHA-256; this one is what several users of the file report, independently.
        sha256="34b34b78c1d18cb8c6bf84cf9c00e135d6d6c965699f3c0e31ef1bc9dcb5be74",
        size_bytes=375_049_145,
        licence="Apache-2.0 (MedSAM's authors); the Zenodo record says CC-BY-4.0",
        good_for="CT, MRI and other medical images, prompted by a box; it was not trained for clicks.",
        scaling="unit",
    ),
    KnownWeights(
        name="sam2.1-hiera-tiny",
        architecture="sam2.1_hiera_tiny",
        file_name="sam2.1_hiera_tiny.pt",
        urls=("https://dl.fbaipublicfiles.com/segment_anything_2/092824/sam2.1_hiera_tiny.pt",),
        # No list of digests is published; this one is what many programs that bring the file check it against.
        sha256="7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
        size_bytes=156_008_466,
        licence="Apache-2.0 (Meta, SAM 2)",
        good_for="Clear borders in any image, followed from slice to slice; the smallest of Meta's second series.",
    ),
    KnownWeights(
        name="medsam2",
        architecture="sam2.1_hiera_tiny_512",
        file_name="MedSAM2_latest.pt",
        urls=(
            "https://huggingface.co/wanglab/MedSAM2/resolve/e4a6f35edd7e091619cbc0750f462f1574e23955/"
            "MedSAM2_latest.pt",
        ),
        # As above; size, revision and digest agree in several programs that were written independently.
        sha256="c92743b99f00d078bf32a3afcc38aaa9faf1c1692dffe3eaa7a90938c1991060",
        size_bytes=156_040_129,
        licence="Apache-2.0 (MedSAM2's program); for the weights see the page they are published on",
        good_for="CT, MRI and other medical volumes: a box in one slice, followed through all others.",
    ),
)

WEIGHTS: Mapping[str, KnownWeights] = MappingProxyType({entry.name: entry for entry in _ALL})
"""All weights the program knows by name. A user's own are kept in a `WeightsStore`, under other names."""
