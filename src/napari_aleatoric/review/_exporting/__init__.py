"""What was reviewed, written out: labels, tables, provenance."""
