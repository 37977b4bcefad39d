"""Opening a menu must not wait for image libraries."""

import subprocess
import sys


def test_importing_io_loads_no_image_library():
    code = (
        "import sys, napari_aleatoric.io; "
        "heavy = {'SimpleITK', 'zarr', 'pydicom', 'skimage', 'scipy', 'PIL', 'napari'} & set(sys.modules); "
        "print(sorted(heavy))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
