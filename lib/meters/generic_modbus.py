# Any Modbus meter, from a table of its registers in the board file.
# MIT license; part of microevse
"""A table like this, one row for each value, copied from the maker's register list:

    [connectors.meter]
    type = "modbus"
    uart = 1
    address = 1
    max_w = 22000
    registers = [
        { value = "energy", register = 0x4000, type = "u32", unit = "0.01 kWh" },
        { value = "power", register = 0x5B14, type = "s32", unit = "0.01 W" },
        { value = "voltage_l1", register = 0x5B00, type = "u32", unit = "0.1 V" },
        { value = "current_l1", register = 0x5B0C, type = "f32", unit = "A", low_first = true },
    ]

value: energy, power, voltage_l1 to 3, current_l1 to 3, frequency. power may be given as
power_l1 to 3 instead: the phases are added. type: u16, s16, u32, s32, f32. unit: what one
count means. function: 3 (default) or 4. low_first: the low word comes first.

Values become integers without floats: the unit is a fraction of two integers.
"""

import asyncio

import evse_base as port
from meters import Age, MeterError
from meters.eastron import scaled
from meters.plausible import AGAIN_S, EnergyGuard, Frozen, Unwrap
from modbus.rtu import READ_HOLDING, READ_INPUT, ModbusError

# type: (registers, signed)
_TYPES = {
    "u16": (1, False), "s16": (1, True), "u32": (2, False), "s32": (2, True), "f32": (2, True),
}  # fmt: skip

# quantity: {unit: how many of the meter verbs' unit that is}
_UNITS = {
    "energy": {"mWh": 1, "Wh": 1000, "kWh": 1000000, "MWh": 1000000000},
    "power": {"W": 1, "kW": 1000},
    "voltage": {"mV": 1, "V": 1000},
    "current": {"mA": 1, "A": 1000},
    "frequency": {"mHz": 1, "Hz": 1000},
}
_PHASES = ("l1", "l2", "l3")
_MAX_MV = 500000
_OVERLOAD = 2  # a current or power above twice the range cannot be true
_FLOAT_STEP_MWH = 100000
_SPAN = 40  # registers; more in one request are refused by some meters


def fraction(unit, quantity):
    """(multiplier, divisor) that turns counts of `unit` into the unit of the meter verbs.

    unit: "kWh", or with a number before it: "0.01 kWh". ValueError names what is wrong.
    """
    number, _, name = unit.rpartition(" ")
    if name not in _UNITS[quantity]:
        raise ValueError("unit %r is none of %s" % (unit, quantity))
    whole, _, decimals = (number or "1").partition(".")
    digits = whole + decimals
    if not digits or not all(["0" <= c <= "9" for c in digits]) or int(digits) == 0:
        raise ValueError("unit %r does not begin with a positive number" % unit)
    mul = int(digits) * _UNITS[quantity][name]
    div = 10 ** len(decimals)
    a, b = mul, div
    while b:
        a, b = b, a % b
    return mul // a, div // a


class _Row:
    """One value of the table."""

    def __init__(self, cfg):
        self.value = cfg["value"]
        quantity, _, phase = self.value.partition("_")
        perphase = quantity in ("voltage", "current")
        if quantity not in _UNITS or (phase not in _PHASES if perphase or phase else False):
            raise ValueError("unknown value %r" % self.value)
        if phase and quantity in ("energy", "frequency"):
            raise ValueError("unknown value %r" % self.value)
        self.quantity = quantity
        self.phase = _PHASES.index(phase) if phase else None
        if cfg["type"] not in _TYPES:
            raise ValueError("type %r is not one of %s" % (cfg["type"], ", ".join(sorted(_TYPES))))
        self.words, self.signed = _TYPES[cfg["type"]]
        self.is_float = cfg["type"] == "f32"
        self.low_first = cfg.get("low_first", False)
        self.register = cfg["register"]
        self.function = cfg.get("function", READ_HOLDING)
        if self.function not in (READ_HOLDING, READ_INPUT):
            raise ValueError("function %r reads no registers" % self.function)
        if not 0 <= self.register <= 0x10000 - self.words:
            raise ValueError("register %r does not exist" % self.register)
        self.mul, self.div = fraction(cfg["unit"], quantity)

    def raw(self, data, at):
        """The count, or for a float its value, in the wanted unit times `div`."""
        part = data[at : at + 2 * self.words]
        if self.low_first and self.words == 2:
            part = part[2:] + part[:2]
        if self.is_float:
            return scaled(part, 0, self.mul)
        count = 0
        for byte in part:
            count = count << 8 | byte
        if self.signed and part[0] & 0x80:
            count -= 1 << 16 * self.words
        return count

    def number(self, raw):
        """`raw` in the unit of the meter verbs, nearest integer."""
        value = raw if self.is_float else raw * self.mul
        half = self.div // 2
        return (value + half) // self.div if value >= 0 else -((-value + half) // self.div)


class Meter:
    """The verbs are described in `meters`. ValueError for a table that makes no sense.

    max_w: the highest power that a reading may imply. wraps: the energy register begins again at
    zero when it is full (a u32 in Wh never is).
    """

    def __init__(self, master, address, registers, max_w, wraps=False, ticks_ms=port.ticks_ms):
        self._master = master
        self._address = address
        self._max_w = max_w
        self._ticks_ms = ticks_ms
        rows = []
        for cfg in registers:
            row = _Row(cfg)
            if row.value in [other.value for other in rows]:
                raise ValueError("value %r is there twice" % row.value)
            rows.append(row)
        energy = [row for row in rows if row.value == "energy"]
        if not energy:
            raise ValueError("the table has no energy register")
        self._energy = energy[0]
        for quantity in ("voltage", "current", "power"):
            phases = [row.phase for row in rows if row.quantity == quantity]
            phases = sorted([phase for phase in phases if phase is not None])
            if phases != list(range(len(phases))):
                raise ValueError("%s of the first phase is missing" % quantity)
        self._has_power = any([row.quantity == "power" for row in rows])
        if len([r for r in rows if r.value == "power"]) and any(
            [r.quantity == "power" and r.phase is not None for r in rows]
        ):
            raise ValueError("power and power of the phases: one of them is enough")
        rows.sort(key=lambda row: (row.function, row.register))
        self._blocks = _blocks(rows)
        unit = max(1, self._energy.mul // self._energy.div)
        self._unwrap = None
        if wraps:
            if self._energy.is_float or self._energy.signed or self._energy.div != 1:
                raise ValueError("wraps: only whole unsigned counts of mWh wrap")
            self._unwrap = Unwrap(1 << 16 * self._energy.words, self._energy.mul, max_w)
        # The meter rounds a float before it sends it, we do not know how: 0.1 kWh is the coarsest.
        step = min(unit, _FLOAT_STEP_MWH) if self._energy.is_float else unit
        self._guard = EnergyGuard(max_w, step)
        self._frozen = Frozen(unit)
        self._age = Age()
        fitted = [row.quantity for row in rows]
        self.energy_mwh = None
        self.power_w = 0 if self._has_power else None
        self.current_ma = [] if "current" in fitted else ()
        self.voltage_mv = [] if "voltage" in fitted else ()
        self.frequency_mhz = None

    def age_ms(self, now):
        """ms since the last good poll, at ticks `now`."""
        return self._age.ms(now)

    async def poll(self):
        """Read everything once, one request for each group of neighbouring registers.

        Polls twice where a second reading has to confirm the first. MeterError if any part failed:
        then nothing has changed.
        """
        if not await self._poll():
            await asyncio.sleep(AGAIN_S)
            if not await self._poll():
                raise MeterError("two readings do not agree")

    async def _poll(self):
        raws = {}
        try:
            for function, start, count, rows in self._blocks:
                data = await self._master.read(self._address, function, start, count)
                for row in rows:
                    raws[row.value] = row.raw(data, 2 * (row.register - start))
        except ModbusError as exc:
            raise MeterError(str(exc))
        except ValueError as exc:
            raise MeterError("register holds no usable number: %s" % exc)
        voltage, current, power, frequency = [], [], 0, None
        for _, _, _, rows in self._blocks:
            for row in rows:
                number = row.number(raws[row.value])
                if row.quantity == "voltage":
                    if not 0 <= number <= _MAX_MV:
                        raise MeterError("voltage of %d mV" % number)
                    voltage.append((row.phase, number))
                elif row.quantity == "current":
                    current.append((row.phase, number))
                elif row.quantity == "power":
                    power += number
                elif row.quantity == "frequency":
                    frequency = number
        if abs(power) > self._max_w * _OVERLOAD:
            raise MeterError("power of %d W" % power)
        for _, ma in current:
            # At 100 V, the lowest mains there is, max_w is as many tens of mA.
            if abs(ma) > self._max_w * 10 * _OVERLOAD:
                raise MeterError("current of %d mA" % ma)
        now = self._ticks_ms()
        age = self._age.ms(now)
        raw = raws["energy"]
        energy = self._energy.number(raw)
        if self._unwrap is not None:
            energy = self._unwrap.total(raw, age)
        total = self._guard.total(energy, age, now)
        if total is None:
            return False
        if self._has_power:
            self._frozen.check(energy, power, age)
        # All or nothing: the values of one poll belong together.
        if self._unwrap is not None:
            self._unwrap.keep(raw, age)
        self._guard.keep(energy)
        self._age.mark(now)
        self.energy_mwh = total
        if self._has_power:
            self.power_w = power
        if voltage:
            self.voltage_mv = [number for _, number in sorted(voltage)]
        if current:
            self.current_ma = [number for _, number in sorted(current)]
        self.frequency_mhz = frequency
        return True


def _blocks(rows):
    """[(function, first register, count, rows)]: neighbours are read together."""
    blocks = []
    for row in rows:
        end = row.register + row.words
        if blocks:
            function, start, count, members = blocks[-1]
            # Without a hole: many meters refuse a read that touches undefined registers.
            near = row.register <= start + count and end - start <= _SPAN
            if function == row.function and near:
                blocks[-1] = (function, start, max(count, end - start), members + [row])
                continue
        blocks.append((row.function, row.register, row.words, [row]))
    return blocks
