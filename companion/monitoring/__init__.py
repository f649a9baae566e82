"""Statistics of answers, losses and costs: pure functions of arrays."""
