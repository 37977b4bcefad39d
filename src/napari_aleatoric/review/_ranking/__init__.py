"""The queue: every annotation in a row, ranked by what is asked."""
