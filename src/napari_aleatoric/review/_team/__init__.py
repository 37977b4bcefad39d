"""Several workstations on one review: a copy on each, what waits to be sent, conflicts, and moving a store."""
