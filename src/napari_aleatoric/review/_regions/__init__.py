"""Hot regions of a map and what was said of them."""
