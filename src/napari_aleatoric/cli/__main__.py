"""``python -m napari_aleatoric.cli``, the same as ``aleatoric``."""

from . import main

main()
