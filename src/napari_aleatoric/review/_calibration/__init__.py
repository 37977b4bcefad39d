"""Planting errors into a private copy, and finding out which measure sees them."""
