# X.509 certificates, certificate requests and P-256: what MicroPython's `ssl` does not give.
# MIT license; part of microevse
"""What takes long here is a coroutine and takes `pause`, an async callable without arguments, that
is awaited between two pieces. Nothing here is loaded while a charger only charges: its user drops
it with `evse_base.forget("pki")`.
"""


async def nothing():
    """A pause that is none."""


def run(coroutine):
    """What the coroutine returns, whose pauses are none: for callers that wait anyway."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("a pause that waits")
