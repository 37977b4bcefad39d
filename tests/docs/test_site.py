"""The web site builds: no page, heading or name in the code that is linked to is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def build(configuration: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]  # warnings that are not said do not count
    return subprocess.run(
        [*command, "--config-file", str(configuration), "--site-dir", str(site)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    out = build(ROOT / "mkdocs.yml", tmp_path / "site")
    assert out.returncode == 0, out.stdout + out.stderr
    reference = (tmp_path / "site" / "reference" / "index.html").read_text("utf-8")
    assert "napari_aleatoric.review.calibrate" in reference  # the docstrings are there


@pytest.mark.parametrize("link", ["nowhere.md", "terms.md#no-such-heading", "../src/no_such_file.py"])
def test_a_broken_link_is_noticed(tmp_path: Path, link: str) -> None:
    """With the rules of the site, on two pages of their own."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Home\n\nSee [this]({link}) and [terms](terms.md#a-word).\n")
    (tmp_path / "docs" / "terms.md").write_text("# Terms\n\n## A word\n\nIs a word.\n")
    rules = (ROOT / "mkdocs.yml").read_text("utf-8")
    own = rules[rules.index("validation:") : rules.index("nav:")]
    (tmp_path / "mkdocs.yml").write_text(f"site_name: x\n{own}")
    broken = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert broken.returncode != 0
    assert link.partition("#")[2] in broken.stderr, broken.stderr
    (tmp_path / "docs" / "index.md").write_text("# Home\n\nSee [terms](terms.md#a-word).\n")
    assert build(tmp_path / "mkdocs.yml", tmp_path / "site").returncode == 0
