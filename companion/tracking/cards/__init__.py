"""Model cards: what a run and its model say, and what a person must add."""
