"""Which rows a model accepts, and what is wrong with the others."""
