"""The review database: its tables, what was decided and drawn, and the store that writes them."""
