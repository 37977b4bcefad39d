"""Studies of readers: who reads what, blinded or not, and how it went."""
