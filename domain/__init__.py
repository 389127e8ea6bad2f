"""The words everybody shares: frozen values and enums, no IO, nothing of ours imported."""
