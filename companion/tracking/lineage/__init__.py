"""Where a model comes from and where it goes: data, run, model, alias, predictions."""
