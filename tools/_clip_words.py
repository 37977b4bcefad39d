"""The small text-image network's description and its words: whole words, endings and letters."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from _clip_views import GRID, LIBRARY, SIDE
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from napari_aleatoric.segmentation._captions import _LEARNT, _LOOKS, _PLANES

__all__ = ["MEAN", "NAME", "STD", "corpus", "describe", "write_words"]

NAME = "clip-small"
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:'-()/%"
_CONTEXT = 48  # words of a sentence, at most
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # as the small segmenter has them
_COMMON = 3  # an ending of so many words is a word of its own


def corpus(names: Iterable[str]) -> list[str]:
    """Return every text that may be learnt from; held-out words and wordings are not among them."""
    content = LIBRARY.content
    texts = [*names, *content.structures, *_LOOKS.values(), *_PLANES.values()]
    texts += [template for some in _LEARNT.values() for template in some]
    for kind in ("noun", "generic", "specific"):
        texts += list(content.templates.get(kind, ()))  # type: ignore[call-overload]
    for words in content.modalities.values():
        texts += list(words)
    for structure in content.structures.values():
        words = structure.words
        texts += [*(words[:-1] if len(words) > 1 else words), structure.region]
        texts += [look for looks in structure.looks.values() for look in looks]
    return [*texts, "left right middle small medium large and homogeneous patchy medical anterior posterior mri an"]


def write_words(folder: Path, texts: Iterable[str]) -> int:
    """Write ``tokenizer.json`` and its description; return how many words there are."""
    whole = sorted({word for text in texts for word in re.findall(r"[a-z0-9]+", text.lower())})
    endings = Counter(word[-n:] for word in whole for n in (2, 3, 4, 5) if len(word) > n + 2)
    pieces = [f"##{piece}" for piece in (*_LETTERS, *sorted(e for e, n in endings.items() if n >= _COMMON))]
    vocabulary = list(dict.fromkeys((*_SPECIAL, *_LETTERS, *pieces, *whole)))
    numbers = {word: number for number, word in enumerate(vocabulary)}
    words = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]", max_input_chars_per_word=60))
    words.normalizer = normalizers.BertNormalizer(lowercase=True)
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.decoder = decoders.WordPiece()
    words.post_processor = processors.BertProcessing(("[SEP]", numbers["[SEP]"]), ("[CLS]", numbers["[CLS]"]))
    words.add_special_tokens(list(_SPECIAL))
    folder.mkdir(parents=True, exist_ok=True)
    words.save(str(folder / "tokenizer.json"))
    roles = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": _CONTEXT, **roles}
    (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=1) + "\n")
    return len(vocabulary)


def describe(n_words: int) -> dict[str, Any]:
    """Return what ``open_clip_config.json`` says."""
    return {
        "model_cfg": {
            "embed_dim": 128,
            "vision_cfg": {
                "image_size": SIDE,
                "patch_size": SIDE // GRID,
                "width": 192,
                "layers": 8,
                "head_width": 32,
                "pool_type": "avg",
                "no_ln_pre": True,
                "output_tokens": False,
            },
            "text_cfg": {
                "context_length": _CONTEXT,
                "vocab_size": n_words,
                "hf_tokenizer_name": NAME,
                "width": 128,
                "heads": 4,
                "layers": 2,
                "pool_type": "eos",
                "eos_id": _SPECIAL.index("[SEP]"),
                "pad_id": 0,
            },
        },
        "aleatoric": {"saliency_method": "patches"},  # what was trained: patches that suit sentences
        "preprocess_cfg": {"mean": list(MEAN), "std": list(STD), "interpolation": "bilinear"},
    }
