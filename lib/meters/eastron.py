# Eastron SDM meters over Modbus RTU.
# MIT license; part of microevse
"""SDM120, SDM230, SDM630 and SDM72, after "Eastron SDM630 Modbus Protocol" and its sisters.

All values are input registers (function 04), two each, float32 with the high word and the
high byte first. The wire floats are turned into integers by arithmetic on their bits: floats
on the chip have 24 bits of mantissa, and a kWh register in mWh needs more.
"""

import asyncio

import evse_base as port
from meters import Age, MeterError
from meters.plausible import AGAIN_S, EnergyGuard, Frozen
from modbus.rtu import READ_INPUT, ModbusError
from evse_base import const

_VOLTAGE = const(0x0000)  # V, one per phase, 2 registers apart; so are the next two
_CURRENT = const(0x0006)  # A
_POWER = const(0x000C)  # W, active
_TOTAL_POWER = const(0x0034)  # W, active, sum of the phases
_FREQUENCY = const(0x0046)  # Hz; the import register follows
_IMPORT = const(0x0048)  # kWh, imported active energy
_TOTAL = const(0x0156)  # kWh, imported plus exported

_SINGLE = const(1)  # what a model has beside energy and power
_THREE = const(3)
_TOTALS = const(0)

# model: (kind, the largest current it is made for, A)
MODELS = {
    "sdm120": (_SINGLE, 45),
    "sdm230": (_SINGLE, 100),
    "sdm630": (_THREE, 100),
    "sdm72": (_TOTALS, 100),  # SDM72D and SDM72D-M: power and energy only
    "sdm72v2": (_THREE, 100),  # SDM72D-M-2 has the phases, too
}

_MAX_MV = const(500000)
_OVERLOAD = const(2)  # a current or power above twice the meter's range cannot be true
_MAINS_V = const(265)  # upper end of EN 50160, with a margin: bounds the power that is possible


def scaled(data, offset, scale):
    """The float32 at `data[offset:offset+4]`, times `scale`, as the nearest integer.

    Exact to the last bit, half away from zero. ValueError for infinities and NaN, and for
    values no register can mean (2**40 and more).
    """
    bits = data[offset] << 24 | data[offset + 1] << 16 | data[offset + 2] << 8 | data[offset + 3]
    exponent = bits >> 23 & 0xFF
    mantissa = bits & 0x7FFFFF
    if exponent == 0xFF:
        raise ValueError("infinite" if mantissa == 0 else "not a number")
    if exponent:
        mantissa |= 0x800000
    else:
        exponent = 1  # subnormal
    shift = exponent - 150  # 127 bias, 23 bits behind the point
    if shift > 16:
        raise ValueError("too large")
    value = mantissa * scale
    if shift >= 0:
        value <<= shift
    else:
        value = (value + (1 << (-shift - 1))) >> -shift
    return -value if bits >> 31 else value


class Meter:
    """One Eastron meter; the verbs are described in `meters`.

    master: modbus.rtu.Master. model: a key of MODELS. address: 1 to 247.
    register: "import", or "total" where the meter is wired in reverse and counts the car's energy
    as export. max_power_w: the highest power that a reading may imply; follows from the model if
    left out.
    """

    def __init__(
        self,
        master,
        model,
        address=1,
        register="import",
        max_power_w=None,
        ticks_ms=port.ticks_ms,
    ):
        if model not in MODELS:
            raise ValueError("meter type %s is not one of %s" % (model, ", ".join(sorted(MODELS))))
        if register not in ("import", "total"):
            raise ValueError("energy register %s is not import or total" % register)
        self._kind, amps = MODELS[model]
        self._master = master
        self._address = address
        self._total = register == "total"
        self._max_ma = amps * 1000 * _OVERLOAD
        phases = 1 if self._kind == _SINGLE else 3
        self._max_power_w = max_power_w or amps * phases * _MAINS_V
        self._guard = EnergyGuard(self._max_power_w)
        self._frozen = Frozen()
        self._age = Age()
        self._ticks_ms = ticks_ms
        self.energy_mwh = None
        self.power_w = 0
        self.current_ma = []
        self.voltage_mv = []
        self.frequency_mhz = None

    def age_ms(self, now):
        """ms since the last good poll, at ticks `now`."""
        return self._age.ms(now)

    async def poll(self):
        """Read everything once, in 2 to 5 requests; MeterError if that failed in any part.

        Polls twice where a second reading has to confirm the first.
        """
        if not await self._poll():
            await asyncio.sleep(AGAIN_S)
            if not await self._poll():
                raise MeterError("two readings do not agree")

    async def _poll(self):
        try:
            voltage, current, power = await self._electrical()
            frequency, energy = await self._energy()
        except ModbusError as exc:
            raise MeterError(str(exc))
        except ValueError as exc:
            raise MeterError("register holds no usable number: %s" % exc)
        for mv in voltage:
            if not 0 <= mv <= _MAX_MV:
                raise MeterError("voltage of %d mV" % mv)
        for ma in current:
            if abs(ma) > self._max_ma:
                raise MeterError("current of %d mA" % ma)
        if abs(power) > self._max_power_w * _OVERLOAD:
            raise MeterError("power of %d W" % power)
        now = self._ticks_ms()
        age = self._age.ms(now)
        total = self._guard.total(energy, age, now)
        if total is None:
            return False
        self._frozen.check(energy, power, age)
        # All or nothing: the values of one poll belong together.
        self._guard.keep(energy)
        self._age.mark(now)
        self.energy_mwh = total
        self.power_w = power
        self.current_ma = current
        self.voltage_mv = voltage
        self.frequency_mhz = frequency
        return True

    async def _electrical(self):
        """(voltages mV, currents mA, power W)"""
        if self._kind == _THREE:
            data = await self._read(_VOLTAGE, 18)  # voltage, current, power: in one piece
            return (
                [scaled(data, i, 1000) for i in (0, 4, 8)],
                [scaled(data, i, 1000) for i in (12, 16, 20)],
                sum([scaled(data, i, 1) for i in (24, 28, 32)]),
            )
        if self._kind == _SINGLE:
            # One by one: between these, the single-phase meters define no registers.
            voltage = scaled(await self._read(_VOLTAGE, 2), 0, 1000)
            current = scaled(await self._read(_CURRENT, 2), 0, 1000)
            return [voltage], [current], scaled(await self._read(_POWER, 2), 0, 1)
        return [], [], scaled(await self._read(_TOTAL_POWER, 2), 0, 1)

    async def _energy(self):
        """(frequency mHz or None, energy mWh)"""
        if self._kind == _TOTALS:
            data = await self._read(_TOTAL if self._total else _IMPORT, 2)
            return None, scaled(data, 0, 1000000)
        data = await self._read(_FREQUENCY, 4)
        frequency = scaled(data, 0, 1000)
        if self._total:
            return frequency, scaled(await self._read(_TOTAL, 2), 0, 1000000)
        return frequency, scaled(data, 4, 1000000)

    async def _read(self, register, count):
        return await self._master.read(self._address, READ_INPUT, register, count)


def make(model, master, address=1, **options):
    """A meter as the board profile names it; ValueError for an unknown `model`."""
    return Meter(master, model, address, **options)
