"""What is learned from, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["selection_sentence"]

_WORDS = {
    "excluded": "excluded",
    "rejected": "rejected",
    "filtered": "beyond the filter",
    "machine": "drawn by a model and not accepted",
}


def selection_sentence(
    *,
    n_used: int,
    n_labelled: int,
    n_validation: int,
    n_corrected: int,
    n_proposals: int,
    left_out: Mapping[str, int],
    n_held_out: int,
    n_barred: int = 0,
) -> str:
    """Say what is learned from: "Learns from 181 of 201 cases; 12 corrected, 8 excluded; holds back 20."."""
    parts = [f"Learns from {n_used} of {n_labelled} cases"]
    if n_validation:
        parts[0] += f" ({n_validation} of them only to see how it is doing)"
    counts = [f"{n_corrected} corrected"] if n_corrected else []
    counts += [f"{n} {_WORDS[why]}" for why, n in left_out.items() if n]
    if n_proposals:
        counts.append(f"{n_proposals} proposals of a model besides")
    if counts:
        parts.append(", ".join(counts))
    if n_barred:
        cases = "1 case" if n_barred == 1 else f"{n_barred} cases"
        parts.append(f"{cases} with voxels that are not to be learned from")
    return "; ".join([*parts, f"holds back {n_held_out}"]) + "."
