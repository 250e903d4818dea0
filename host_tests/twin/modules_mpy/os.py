# Stands in for MicroPython's `os`: random numbers that a test can repeat.
# MIT license; part of microevse

import twin_state
import uos
from uos import *  # noqa: F401,F403


def urandom(size):
    """As the real one, but from the seed where time is held: the same run twice is alike."""
    if twin_state.urandom is None:
        return uos.urandom(size)
    return twin_state.urandom(size)
