# The `_onewire` module of MicroPython: the time slots of a 1-Wire bus, on the virtual board.
# MIT license; part of microevse
"""A slot takes its time, and no other code runs in between, as on the chip."""

import twin_state as _s

_RESET_US = 960
_SLOT_US = 70


def _device(pin):
    _s.clock.entered()
    return _s.world.onewire.get(pin.number)


def _spent(us):
    _s.clock.spend(us)


def reset(pin):
    """True if anything answers with a presence pulse."""
    device = _device(pin)
    _spent(_RESET_US)
    return device is not None and device.reset()


def _read(device):
    _spent(_SLOT_US)
    return 1 if device is None else device.read()


def _write(device, bit):
    _spent(_SLOT_US)
    if device is not None:
        device.write(bit)


def readbit(pin):
    return _read(_device(pin))


def readbyte(pin):
    device = _device(pin)
    value = 0
    for i in range(8):
        value |= _read(device) << i
    return value


def writebit(pin, value):
    _write(_device(pin), value & 1)


def writebyte(pin, value):
    device = _device(pin)
    for i in range(8):
        _write(device, value >> i & 1)


def crc8(data):
    """0 for data that ends with its own checksum."""
    from twin.thermometer import crc8 as dallas

    return dallas(data)
