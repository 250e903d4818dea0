# A charging profile in short words, for tests.
# MIT license; part of microevse

from station import profile as p
from station.profile import AMPS, DEFAULT, MAX


def profile(periods, id=1, purpose=DEFAULT, connector=None, stack=0, **more):
    """Profile from [(start, A or W), ...] or one limit; `more` as the fields of Profile."""
    if isinstance(periods, int):
        periods = [(0, periods)]
    packed = p.pack([(item[0], 10 * item[1], (item + (0,))[2]) for item in periods])
    fields = dict(unit=AMPS, start=None, every=0, duration=None, valid_from=None, valid_to=None)
    fields.update(least=0, session=None)
    fields.update(more)
    if connector is None:
        connector = 0 if purpose == MAX else 1
    return p.Profile(id, connector, purpose, stack, periods=packed, **fields)
