"""Records each call to a language model."""
