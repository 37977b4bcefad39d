"""Corrected labels: saved whole, told apart, and strokes that outlive a crash."""
