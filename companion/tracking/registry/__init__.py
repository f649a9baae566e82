"""The model registry with a journal: who moved an alias, when, why, and how back."""
