"""Samples made for this project: two calls, the accounts behind them, and war cases to learn from."""
