"""The demo from nothing to a page with screenshots, in a process of its own, on a virtual screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

pytestmark = [pytest.mark.gui, pytest.mark.slow]


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
def test_headless_demo_leaves_screenshots_and_a_summary(tmp_path):
    environment = {
        k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    done = subprocess.run(
        [sys.executable, "-m", "napari_aleatoric.cli", "demo", "--cases", "8", "--headless", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=550,
    )
    assert done.returncode == 0, done.stderr
    assert "labels are wrong" in done.stdout
    assert "abdomen_" in done.stdout
    page = (tmp_path / "out" / "summary.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 3
    for name in ("overlay.png", "volume.png", "queue.png"):
        pixels = _pixels(tmp_path / "out" / name)
        assert min(pixels.shape[:2]) >= 200
        assert pixels[..., :3].std() > 10, f"{name} is blank"
    overlay = _pixels(tmp_path / "out" / "overlay.png")[..., :3].astype(int)
    coloured = np.ptp(overlay, axis=-1) > 40
    assert coloured.mean() > 0.002  # label or heatmap over a grey image


def _pixels(path):
    from skimage.io import imread

    return np.asarray(imread(path))
