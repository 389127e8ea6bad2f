"""Memory that the C library keeps for later, given back to the system.

Recognition frees hundreds of megabytes after each batch. glibc keeps them in its heaps, in pieces that the next batch
may not fit into, and so the process grows with the length of a call although nothing is held.
"""

from __future__ import annotations

import ctypes


def give_back_memory() -> bool:
    """Give freed memory back; False where the C library has no such call (it is glibc's own)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return bool(trim and trim(0))
