"""``python -m napari_aleatoric.jobs``: the process that looks after one run."""

import sys

from ._host import main

if __name__ == "__main__":
    sys.exit(main())
