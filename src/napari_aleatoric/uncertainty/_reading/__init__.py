"""Several readers of one image: their consensus, where each departs from it, and what each is in the habit of."""
