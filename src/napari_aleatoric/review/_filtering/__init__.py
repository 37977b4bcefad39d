"""Which labels are kept for training, why, and the kept set written for other tools."""
