"""Runs: MLflow's, with a record of the code and environment that made them."""
