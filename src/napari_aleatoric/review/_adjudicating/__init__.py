"""Where readers differ, decided region by region: a log of choices, a label, and how it came about."""
