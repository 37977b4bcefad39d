"""Adapters to torch. The only place below the training folders that imports it at module top."""
