"""Retraining on reviewed labels: what is learned from, what is held back, and whether it helped."""
