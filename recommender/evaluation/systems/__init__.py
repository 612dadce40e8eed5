"""Systems to evaluate: our own lists, published lists, and baselines."""
