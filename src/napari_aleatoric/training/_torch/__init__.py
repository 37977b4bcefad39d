"""Networks and their training; torch lives here."""
