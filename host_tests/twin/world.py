# The physical world around one board: everything beyond the pins.
# MIT license; part of microevse
"""Builds the devices a board profile names and connects them to its pins.

machine.py drives and reads pins through `drive`, `read`, `analog`, `pilots` and `uarts`;
the control port acts through `command`. What happens is kept in `history`, a bounded list
of (us, what, value): "s2", "pilot" (letter), "duty" (percent), "relay", "contact", "amps"
(what the EV heads for), "plugged", "fault"; for connectors above 1 as "2:s2".
"""

from twin import guard, thermometer
from twin.contactor import Contactor
from twin.ev import Ev
from twin.lock import Lock
from twin.meter import Meter
from twin.pilot_circuit import PE_SHORT_OHM, Adc, PilotCircuit
from twin.rcd import Rcd
from twin.reader import Reader

FAULTS = ("rcd", "weld", "diode", "pilot_short", "overtemp", "pe", "meter", "lock", "other")

_HISTORY = 200
_MAINS_V = 230.0
_PP_OHM = ((13, 1500.0), (20, 680.0), (32, 220.0), (63, 100.0))  # IEC 61851-1 Annex B
_ROOM_C = 25.0
_HOT_C = 90.0
_BUTTON_MS = 200


def _input(cfg):
    """(pin, whether its contact closes) of a pin, or of a table with a contact that may open."""
    if isinstance(cfg, dict):
        return cfg["pin"], not cfg.get("normally_closed", False)
    return cfg, True


def released(snapshot):
    """A snapshot with the chip's outputs floating: after a system reset or without power."""
    if snapshot and "pins" in snapshot:
        snapshot = dict(snapshot)
        del snapshot["pins"]
    return snapshot


class Rng:
    """The same numbers from the same seed on both interpreters."""

    def __init__(self, seed):
        self._x = (seed * 2654435761 + 0x9E3779B9) & 0xFFFFFFFF
        for _ in range(4):
            self.random()

    def random(self):
        """0 <= x < 1"""
        # xorshift32: a congruential generator's neighbouring seeds start alike.
        x = self._x or 1
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._x = x
        return x / 4294967296

    def uniform(self, low, high):
        return low + (high - low) * self.random()

    def gauss(self):
        """Mean 0, sigma 1, never beyond 3: the sum of three uniform numbers."""
        return 2 * (self.random() + self.random() + self.random()) - 3


class Outlet:
    """One connector: pilot, EV, contactor, and what else the profile gives it."""

    def __init__(self, world, cfg):
        clock, rng, options = world.clock, world.rng, world.options
        self._world = world
        self.id = cfg.get("id", 1)
        self.phases = cfg.get("phases", 1)
        self.volts = options.get("mains_v", _MAINS_V)
        self._letter = "A"
        self._duty = None
        self.cable_in = False  # the cable's plug is in our socket
        self.pp = None  # what is wrong with its proximity resistor: "open", "short"
        cp = cfg["cp"]
        self.pilot = PilotCircuit(cp, clock, rng, options, self._pilot_changed)
        self.ev = self.guard = None  # the first change of the pilot comes before they are there
        self.ev = Ev(clock, rng, options, self.pilot, self.phases, self.volts, self._ev_moved)
        relay = cfg["contactor"]
        self._active_high = relay.get("active_high", True)
        self._watched = []  # pins that show where the poles are
        sensed = "feedback" in relay or "sense" in relay
        self.contactor = Contactor(
            clock, rng, options, self._contact_moved, self._poles_moved if sensed else None
        )
        self._fit_poles(relay)
        world.pilots[cp["pwm"]] = self.pilot
        world.outputs[cp["pwm"]] = self.pilot.steady
        world.sampled[cp["adc"]] = self.pilot
        world.analog[cp["adc"]] = self._pilot_mv
        world.outputs[relay["pin"]] = self._relay
        switch = cp.get("disconnect")
        if switch:
            # Pulled up while nothing drives it: the EV is left alone until the firmware runs.
            self._opens = switch.get("active_high", True)
            self.pilot.switched_off = True
            world.outputs[switch["pin"]] = self._switch
        self.guard = guard.fitted(
            world.board.get("guard"), clock, self.pilot, options, self._guard_moved
        )
        self._held_pin = relay.get("held")
        if self._held_pin is not None:
            world.inputs[self._held_pin] = lambda: 0 if self.guard and self.guard.held else 1
        self.gated = False  # the RCD's output is wired into the relay driver
        self._relay_level = False
        pp = cfg.get("pp")
        if pp:
            self._pp_vcc = pp.get("vcc_mv", 3300)
            self._pp_pullup = pp.get("pullup", 1000)
            world.analog[pp["adc"]] = self._pp_mv
        self.rcd = self.lock = self.meter = None
        if cfg.get("rcd"):
            pins = cfg["rcd"]
            self.gated = pins.get("gates", False)
            active = 1 if pins.get("active_high", True) else 0
            trip = pins["trip"]
            self.rcd = Rcd(clock, rng, options, lambda: self._rcd_moved(trip))
            world.inputs[trip] = lambda: active if self.rcd.tripped else 1 - active
            if pins.get("test") is not None:
                world.outputs[pins["test"]] = self.rcd.test
        if cfg.get("lock"):
            pins = cfg["lock"]
            self.lock = Lock(clock, options, lambda: world.input_moved(pins["detect"]), pins)
            world.outputs[pins["a"]] = self.lock.wire_a
            world.outputs[pins["b"]] = self.lock.wire_b
            world.inputs[pins["detect"]] = lambda: self.lock.detect
        if cfg.get("meter"):
            self._fit_meter(cfg["meter"])

    def _fit_poles(self, relay):
        inputs = self._world.inputs
        contactor = self.contactor
        pins = relay.get("feedback", [])
        one = not isinstance(pins, (list, tuple))
        for i, pin in enumerate([pins] if one else pins):
            # A mirror contact to ground: open (pulled up) while its pole is closed.
            pole = None if one else i + 1
            inputs[pin] = lambda n=pole: 1 if contactor.mirror(n) else 0
            self._watched.append(pin)
        pins = relay.get("sense", [])
        for i, pin in enumerate(pins if isinstance(pins, (list, tuple)) else [pins]):
            # An optocoupler behind the pole, smoothed: low while there is voltage.
            inputs[pin] = lambda n=i + 1: 0 if contactor.pole(n) and self.volts else 1
            self._watched.append(pin)

    def _poles_moved(self):
        for pin in self._watched:
            self._world.input_moved(pin)

    def _fit_meter(self, cfg):
        world = self._world
        if cfg["type"] in ("s0", "hlw8032", "cse7766"):
            from twin import fitted  # only here: the models are not needed otherwise

            if cfg["type"] == "s0":
                self.meter = fitted.PulseMeter(world, cfg, self.electrics)
            else:
                self.meter = fitted.MeteringChip(world.clock, cfg, self.electrics)
                world.uarts[cfg["uart"]] = self.meter
            return
        uart = world.uart_cfg(cfg["uart"])
        direction = uart.get("dir")

        def on_bus(sending):
            # RS-485: the driver of the board is on while its direction pin is high.
            return direction is None or bool(world.levels.get(direction)) == sending

        self.meter = Meter(
            world.clock,
            world.rng,
            world.options,
            cfg["type"],
            cfg.get("address", 1),
            uart.get("baud", 9600),
            self.electrics,
            on_bus,
        )
        bus = world.uarts.get(cfg["uart"])
        if bus is None:
            bus = world.uarts[cfg["uart"]] = Bus(uart.get("baud", 9600), on_bus)
        bus.join(self.meter)

    # -- electricity -------------------------------------------------------------------

    def electrics(self):
        """(V, [A of each phase], Wh ever) at the meter."""
        return self.volts, self.ev.currents, self.ev.wh

    def _pilot_mv(self, t_us):
        return self.pilot.adc_mv(self.pilot.volts(t_us))

    def _pp_mv(self, _t_us):
        ohms = None
        if self.pp == "short":
            ohms = 0.0
        elif self.pp is None and (self.cable_in or self.ev.plugged):
            for amps, r in _PP_OHM:
                if amps <= self.ev.cable_a:
                    ohms = r
        return self._pp_vcc * (1.0 if ohms is None else ohms / (ohms + self._pp_pullup))

    # -- what moves --------------------------------------------------------------------

    def _relay(self, level):
        on = level is not None and bool(level) == self._active_high
        if on != self._relay_level:
            self._relay_level = on
            self.record("relay", on)
            if self.guard is not None:
                self.guard.requested(on)
            self._drive_coil()

    def _switch(self, level):
        self.pilot.switched_off = level is None or bool(level) == self._opens
        self.pilot.refresh()

    def _drive_coil(self):
        tripped = self.gated and self.rcd.tripped
        held = self.guard is not None and self.guard.held
        self.contactor.energise(self._relay_level and not tripped and not held)

    def _guard_moved(self):
        self.record("held", self.guard.held)
        self._drive_coil()
        if self._held_pin is not None:
            self._world.input_moved(self._held_pin)

    def _contact_moved(self, closed):
        if not closed and self.ev.amps > 1:
            self.contactor.opens_under_load += 1
        self.record("contact", closed)
        self.ev.see_voltage(closed)
        if self.rcd is not None and self.ev.quirk == "leakage":
            self.rcd.set_fault(closed)
        self._world.touch()

    def _rcd_moved(self, pin):
        if self.gated:
            self._drive_coil()
        self._world.input_moved(pin)

    def _ev_moved(self, what, value):
        self.record(what, value)
        if what != "amps":
            self._world.touch()

    def _pilot_changed(self):
        pilot = self.pilot
        if pilot.letter != self._letter:
            self._letter = pilot.letter
            self.record("pilot", pilot.letter)
        if pilot.duty != self._duty:
            self._duty = pilot.duty
            self.record("duty", pilot.percent)
        self._world.touch()
        if self.guard is not None:
            self.guard.look()
        if self.ev is not None:
            self.ev.see_pilot()

    def record(self, what, value):
        self._world.record(self.id, what, value)

    # -- state -------------------------------------------------------------------------

    def status(self):
        return {
            "plugged": self.ev.plugged,
            "pilot": self.pilot.letter,
            "duty": self.pilot.percent,
            "contactor": self.contactor.closed,
            "amps": round(self.ev.amps, 1),
            "wh": round(self.ev.wh, 3),
        }

    def snapshot(self):
        pilot = self.pilot
        return {
            "ev": self.ev.snapshot(),
            "cable": self.cable_in,
            "closed": self.contactor.closed,
            "welded": self.contactor.welded,
            "stuck": sorted(self.contactor.stuck),
            "closes": self.contactor.closes,
            "under_load": self.contactor.opens_under_load,
            "lock": self.lock.position if self.lock else 0,
            "jam": bool(self.lock and self.lock.jam),
            "rcd": bool(self.rcd and self.rcd.fault),
            "silent": bool(self.meter and self.meter.silent),
            "pe_short": pilot.pe_short,
            "diode_short": pilot.diode_short,
        }

    def driven(self):
        """The states set by the chip's outputs: kept by a CPU reset, which resets no output."""
        return {
            "pwm": self.pilot.wave(),
            "relay": self._relay_level,
            "coil": self.contactor.state(),
            "guard": self.guard.state() if self.guard else None,
            "rcd": self.rcd.state() if self.rcd else None,
            "switch": self.pilot.switched_off,
        }

    def restore(self, state, t_us, driven=None):
        """After a restart: `t_us` is when the snapshot was taken. `driven`: what `driven()` gave
        then, and the outputs still do that; without it they have been floating since."""
        world = self._world
        self.contactor.closes = state["closes"]
        self.contactor.opens_under_load = state["under_load"]
        self.contactor.welded = state["welded"]
        self.contactor.stuck = set(state.get("stuck", ()))
        self.pilot.pe_short = state["pe_short"]
        self.pilot.diode_short = state["diode_short"]
        self.cable_in = state["cable"]
        if driven:
            self.pilot.switched_off = driven["switch"]
            self._relay_level = driven["relay"]
            self.contactor.resume(state["closed"], driven["coil"])
            if self.guard:
                self.guard.resume(driven["guard"])
            if self.rcd:
                self.rcd.resume(driven["rcd"])
            if driven["pwm"]:
                self.pilot.resume(driven["pwm"])
        elif state["closed"]:
            left = t_us + int(world.options.get("drop_ms", 30) * 1000) - world.clock.now_us
            self.contactor.drop_later(left)
        self.ev.restore(state["ev"], state["closed"])
        if self.lock:
            self.lock.put(state["lock"], state["jam"])
        if self.rcd and state["rcd"]:
            self.rcd.set_fault(True)
        if self.meter:
            self.meter.silent = state["silent"]


class Bus:
    """An RS-485 line with the meters on it: a UART device that asks all of them."""

    def __init__(self, baud, on_bus):
        self.baud = baud
        self._on_bus = on_bus
        self._port = None
        self._devices = []

    def join(self, device):
        self._devices.append(device)

    @property
    def port(self):
        return self._port

    @port.setter
    def port(self, port):
        self._port = port
        for device in self._devices:
            device.port = port

    def receive(self, data):
        """Bytes left the UART. They reach the line only while its driver is on."""
        if self._on_bus(True):
            for device in self._devices:
                device.receive(data)


class World:
    """All that is beyond the pins of one board.

    on_event: fn(dict) called with {"event", "connector", "value", "t"} for what `history`
    records, or None. `changed_us` is when something the pilot can show last changed.
    """

    def __init__(self, board, clock, snapshot=None, seed=0, options=None):
        self.clock = clock
        if options is None:
            import twin_state

            options = twin_state.options
        self.options = options
        self.rng = Rng(seed)
        self.board = board
        self.on_event = None
        self.history = []
        self._history_limit = options.get("history", _HISTORY)
        self.outputs = {}  # pin: fn(level, or None while floating)
        self.inputs = {}  # pin: fn() -> 0, 1 or None (nothing drives it)
        self.analog = {}  # ADC pin: fn(us) -> mV
        self.pilots = {}  # PWM pin: PilotCircuit
        self.sampled = {}  # ADC pin: PilotCircuit
        self.levels = {}  # what the chip drives: pin: 0 or 1
        self.rtc_pins = ()  # pads that belong to the RTC: no reset of the system lets go of them
        self.watch = {}  # pin: fn(level), machine.Pin's interrupt
        self.onewire = {}  # pin: device with reset(), write(bit), read()
        self.uarts = {}  # id: device with baud, port, receive(data)
        self.on_touch = []  # fn(): the idle skipper goes back to regular ticks
        self.on_stall = self.on_touch  # the same ones: before the interpreter stalls
        self.adc = Adc(self.rng, self.options, board.get("chip", "esp32"))
        self.changed_us = clock.now_us
        self.version = 0  # counts the changes behind changed_us
        self.skipped_us = 0  # time the idle skipper left out, not yet reported
        self.was_sampled = False  # the running timer callback has taken a window
        self.celsius = _ROOM_C
        self._faults = []  # names that are no part of a device
        self._pressed = {}  # pin: 1 while a person presses
        self._wires = {}  # input pin: level of a wire that is shorted or broken
        self.outlets = {}
        for cfg in board["connectors"]:
            outlet = Outlet(self, cfg)
            self.outlets[outlet.id] = outlet
        self.reader = None
        self.strips = {}  # pin: colours of the WS2812s there
        if board.get("reader"):
            self._fit_reader(board["reader"])
        for name in ("button", "estop", "pe"):
            pin = board.get(name)
            if pin is not None:
                self._contact_to_ground(*_input(pin))
        self.thermometer = thermometer.fitted(board.get("temp"), self)
        if snapshot:
            self._restore(snapshot)

    def _fit_reader(self, cfg):
        uart = cfg.get("uart")
        baud = self.uart_cfg(uart).get("baud", 9600)
        if cfg["type"] == "line":
            self.reader = Reader(baud)
        else:
            from twin import fitted  # only here: the models are not needed otherwise

            self.reader = fitted.CardReader(self.clock, cfg, baud)
            if self.reader.spi is not None:
                self.outputs[cfg["cs"]] = lambda level: self.reader.select(level != 0)
        if uart is not None:
            self.uarts[uart] = self.reader

    def uart_cfg(self, number):
        """The profile's entry for a UART."""
        for cfg in self.board.get("uarts", ()):
            if cfg["id"] == number:
                return cfg
        return {}

    def _contact_to_ground(self, pin, closes=True):
        # A closed contact: 0. Otherwise nothing drives the pin and its pull-up decides.
        self.inputs[pin] = lambda: 0 if bool(self._pressed.get(pin)) == closes else None

    # -- pins --------------------------------------------------------------------------

    def drive(self, pin, level):
        """The chip drives `pin` with 0 or 1, or (None) lets it float."""
        if level is None:
            self.levels.pop(pin, None)
        else:
            self.levels[pin] = level
        fn = self.outputs.get(pin)
        if fn is not None:
            fn(level)

    def read(self, pin):
        """Level the world puts on `pin`: 0, 1, or None if nothing does."""
        if pin in self._wires:
            return self._wires[pin]
        fn = self.inputs.get(pin)
        return None if fn is None else fn()

    def input_moved(self, pin):
        """A device changed the level of an input pin."""
        fn = self.watch.get(pin)
        if fn is not None:
            fn()

    # -- what is observed --------------------------------------------------------------

    def touch(self):
        """Something changed that the pilot or the contactor shows."""
        self.changed_us = self.clock.now_us
        self.version += 1
        for fn in self.on_touch:
            fn()

    def record(self, connector, what, value):
        """Keep what happened, and tell who subscribed."""
        now = self.clock.now_us
        history = self.history
        if len(history) >= self._history_limit:
            del history[: self._history_limit // 4]
        history.append((now, what if connector == 1 else "%d:%s" % (connector, what), value))
        if self.on_event is not None:
            self.on_event(
                {"event": what, "connector": connector, "value": value, "t": now / 1000000}
            )

    def power(self, on):
        """The board's supply: without it every pilot is at 0 V and every output floats."""
        for outlet in self.outlets.values():
            outlet.pilot.powered = on
            outlet.pilot.refresh()

    def outlet(self, connector):
        """The connector with this id; ValueError if there is none."""
        outlet = self.outlets.get(connector)
        if outlet is None:
            raise ValueError("no connector %s" % connector)
        return outlet

    def release(self):
        """The chip's pins float, as a system reset leaves them."""
        for outlet in self.outlets.values():
            outlet.pilot.steady(None)
        for pin in list(self.levels):
            if pin not in self.rtc_pins:
                self.drive(pin, None)

    def status(self, connector=1):
        """The physical state of one connector: see the contract of the control port."""
        return self.outlet(connector).status()

    def snapshot(self):
        """The state that outlasts a restart of the board, as JSON types."""
        return {
            "t": self.clock.now_us,
            "celsius": self.celsius,
            "faults": self._faults,
            "pressed": [pin for pin in self._pressed if self._pressed[pin]],
            "wires": [[pin, self._wires[pin]] for pin in sorted(self._wires)],
            "outlets": [[n, self.outlets[n].snapshot()] for n in self.outlets],
            "pins": {
                "levels": [[pin, self.levels[pin]] for pin in sorted(self.levels)],
                "driven": [[n, self.outlets[n].driven()] for n in self.outlets],
            },
        }

    def _restore(self, snapshot):
        pins = snapshot.get("pins")
        driven = dict([(n, state) for n, state in pins["driven"]]) if pins else {}
        self.celsius = snapshot["celsius"]
        self._faults = list(snapshot["faults"])
        for pin in snapshot["pressed"]:
            self._pressed[pin] = 1
        for pin, level in snapshot.get("wires", ()):
            self._wires[pin] = level
        for number, state in snapshot["outlets"]:
            if number in self.outlets:
                self.outlets[number].restore(state, snapshot["t"], driven.get(number))
        if pins:
            for pin, level in pins["levels"]:
                # Devices that follow a level at once have been set above.
                self.drive(pin, level)

    # -- actions of people and faults --------------------------------------------------------

    def command(self, cmd):
        """Apply one control command ({"do": ...}); ValueError says what is wrong with it.

        "after_ms": it happens that much later, to the microsecond and whatever the board is
        doing then (in the middle of a window, too); what it says then is not heard.
        """
        do = cmd.get("do")
        after = cmd.get("after_ms")
        if after is not None:
            if isinstance(after, bool) or not isinstance(after, (int, float)) or after < 0:
                raise ValueError('"after_ms" must be a number')
            later = dict(cmd)
            del later["after_ms"]
            self.clock.after(int(after * 1000), lambda: self.command(later))
            return {}
        if do == "tap":
            if self.reader is None:
                raise ValueError("this board has no reader")
            self.reader.tap(cmd.get("tag"))
            self.touch()  # what follows is no quiet time
            return {}
        if do == "button":
            return self._button(cmd)
        if do == "lamps":
            return self._lamps()
        if do == "reader":
            # "on": false takes its supply away.
            if not hasattr(self.reader, "chip"):
                raise ValueError("this board has no reader that can be asked")
            self.reader.chip.silent = not cmd.get("on", True)
            return {}
        if do == "wire":
            return self._wire(cmd)
        outlet = self.outlet(cmd.get("connector", 1))
        ev = outlet.ev
        if do == "plug":
            ev.cable_a = cmd.get("cable", ev.cable_a)
            outlet.pp = cmd.get("pp")
            if outlet.pp not in (None, "open", "short"):
                raise ValueError('"pp" must be "open" or "short"')
            ev.plug(cmd.get("phases"))
            outlet.cable_in = True
        elif do == "unplug":
            # "side": "ev" pulls the car's end of a detachable cable; no lock of ours holds that.
            at_car = cmd.get("side") == "ev"
            if outlet.lock is not None and outlet.lock.locked and not at_car:
                if outlet.cable_in or ev.plugged:
                    raise ValueError("the plug is locked")
            outlet.cable_in = at_car and outlet.cable_in
            ev.unplug()
        elif do == "request":
            ev.request()
        elif do == "release":
            ev.release()
        elif do == "draw":
            amps = cmd.get("amps")
            if amps is not None and (isinstance(amps, bool) or not isinstance(amps, (int, float))):
                raise ValueError('"amps" must be a number')
            ev.set_draw(amps)
        elif do == "ev":
            ev.set_quirk(cmd.get("quirk"))
        elif do == "fault":
            return self._fault(outlet, cmd)
        else:
            raise ValueError("unknown command %s" % do)
        return {}

    def _wire(self, cmd):
        """An input's wire is shorted to ground (level 0), broken or stuck high (1: with its
        pull-up), or mended (None). "edge": false, and no interrupt comes of it."""
        pin, level = cmd.get("pin"), cmd.get("level")
        if pin not in self.inputs:
            raise ValueError("nothing is wired to pin %s" % pin)
        if level is None:
            self._wires.pop(pin, None)
        elif level in (0, 1):
            self._wires[pin] = level
        else:
            raise ValueError('"level" must be 0, 1 or null')
        if cmd.get("edge", True):
            self.input_moved(pin)
        self.touch()
        return {}

    def _lamps(self):
        """The lamps at the front: plain lamps by name, and the strip."""
        leds = self.board.get("leds") or {}
        lit = 0 if leds.get("active_low") else 1
        lamps = {}
        for name in leds:
            if name not in ("active_low", "ws2812"):
                lamps[name] = self.levels.get(leds[name]) == lit
        strip = leds.get("ws2812")
        return {"lamps": lamps, "strip": self.strips.get(strip["pin"], []) if strip else []}

    def _button(self, cmd):
        pin = self.board.get("button")
        if pin is None:
            raise ValueError("this board has no button")
        seconds = cmd.get("seconds", _BUTTON_MS / 1000)
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds <= 0:
            raise ValueError('"seconds" must be a positive number')
        self._press(pin, 1)
        self.clock.after(seconds * 1000000, lambda: self._press(pin, 0))
        return {}

    def _press(self, pin, on):
        self._pressed[pin] = on
        self.input_moved(pin)

    def _fault(self, outlet, cmd):
        kind = cmd.get("kind")
        on = cmd.get("on", True)
        if kind not in FAULTS:
            raise ValueError("fault kind %s is not one of %s" % (kind, ", ".join(FAULTS)))
        if not isinstance(on, bool):
            raise ValueError('"on" must be true or false')
        sensed = True
        pilot = outlet.pilot
        if kind == "rcd":
            sensed = outlet.rcd is not None
            if sensed:
                outlet.rcd.set_fault(on)
        elif kind == "weld":
            sensed = outlet.contactor.sensed
            pole = cmd.get("pole")
            if pole is not None and pole not in (1, 2, 3, 4):
                raise ValueError('"pole" must be 1 to 4')
            outlet.contactor.weld(on, pole)
        elif kind == "diode":
            pilot.diode_short = on
            pilot.refresh()
            # A front end that cuts the negative half off cannot see it.
            sensed = pilot.offset_mv - 10000 * pilot.slope > 0
        elif kind == "pilot_short":
            pilot.pe_short = float(cmd.get("ohms", PE_SHORT_OHM)) if on else None
            pilot.refresh()
        elif kind == "meter":
            sensed = outlet.meter is not None
            if sensed:
                outlet.meter.silent = on
        elif kind == "lock":
            sensed = outlet.lock is not None
            if sensed and cmd.get("contact"):
                outlet.lock.lose_contact(on)
            elif sensed:
                outlet.lock.set_jam(on)
        else:
            sensed = self._board_fault(kind, on, cmd)
        outlet.record("fault", kind if on else "-" + kind)
        self.touch()
        return {"sensed": sensed}

    def _board_fault(self, kind, on, cmd):
        """overtemp, pe, other: True if a sensor for it is fitted."""
        if kind in self._faults:
            self._faults.remove(kind)
        if on:
            self._faults.append(kind)
        if kind == "overtemp":
            return self._heat(on, cmd)
        cfg = self.board.get("estop" if kind == "other" else "pe")
        if cfg is None:
            return False
        pin, closed = _input(cfg)
        self._contact_to_ground(pin, closed)
        self._press(pin, 1 if on else 0)
        return True

    def _heat(self, on, cmd):
        """overtemp: how hot ("celsius"), or a sensor that is "open", "short" or has a "crc"."""
        celsius, sensor = cmd.get("celsius", _HOT_C), cmd.get("sensor", "ok")
        if isinstance(celsius, bool) or not isinstance(celsius, (int, float)):
            raise ValueError('"celsius" must be a number')
        if sensor not in thermometer.SENSORS:
            raise ValueError('"sensor" must be one of ' + ", ".join(thermometer.SENSORS))
        self.celsius = _ROOM_C
        if on and (sensor == "ok" or "celsius" in cmd):
            self.celsius = celsius
        if self.thermometer is not None:
            self.thermometer.sensor = sensor if on else "ok"
        return self.thermometer is not None
