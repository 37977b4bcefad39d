"""Find the segmentation labels worth a second look, see why and where, and get them fixed."""

__version__ = "0.1.0"
