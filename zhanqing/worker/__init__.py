"""Doing jobs: taking them under a lease, running their handlers, ending them for good or for another try."""
