"""战情 (Zhanqing): the shell around the rooms. Settings, logs, wiring, workers and commands."""

__version__ = "0.1.0"
