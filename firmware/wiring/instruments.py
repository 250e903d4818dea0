# Meters and readers by the type that the board profile names.
# MIT license; part of microevse
"""Only the driver that is fitted is imported: each costs a few KB of heap."""

from evse_base import log
from hal.uart import open_uart
from station.session import stamp
from store import kinds
from evse_base import const

_S0_IMP_PER_KWH = const(1000)
# Highest voltage by EN 50160, with a margin: bounds the power that is possible.
_MAINS_V = const(265)
# Meters whose register is in RAM: it goes on where the last session ended.
_VOLATILE = const(("s0", "hlw8032", "cse7766"))


class Instruments:
    """Makes the meters and readers of `board`; `journal` has the registers of meters."""

    def __init__(self, board, journal, clock):
        self._board = board
        self._journal = journal
        self._clock = clock
        self._uarts = {}
        self._buses = {}

    def _uart(self, number):
        """(UART, direction pin) of port `number`; opened once."""
        if number not in self._uarts:
            self._uarts[number] = open_uart(self._board, number)
        return self._uarts[number]

    def _bus(self, number):
        """One Modbus master for each port: several meters may share the wires."""
        if number not in self._buses:
            from modbus.rtu import Master

            self._buses[number] = Master(*self._uart(number))
        return self._buses[number]

    def meter(self, profile):
        """The meter of a connector, None without one; ValueError for a wrong profile."""
        cfg = profile.get("meter")
        if not cfg:
            return None
        kind = cfg["type"]
        max_w = cfg.get("max_w", profile["max_a"] * profile["phases"] * _MAINS_V)
        if kind == "s0":
            from hal import buses
            from meters import s0

            pin, both = buses.pulse_pin(cfg["pin"])
            imp = cfg.get("imp_per_kwh", _S0_IMP_PER_KWH)
            return s0.Meter(s0.Pulses(pin, both), imp, max_w, self._total_mwh(profile["id"]))
        if kind in ("hlw8032", "cse7766"):
            from meters import hlw8032

            options = {"total_mwh": self._total_mwh(profile["id"])}
            for name in ("r_high", "r_low", "shunt_uohm"):
                if name in cfg:
                    options[name] = cfg[name]
            return hlw8032.Meter(self._uart(cfg["uart"])[0], max_w, **options)
        bus, address = self._bus(cfg["uart"]), cfg.get("address", 1)
        if kind == "modbus":
            from meters import generic_modbus

            wraps = cfg.get("wraps", False)
            return generic_modbus.Meter(bus, address, cfg["registers"], max_w, wraps)
        from meters import eastron

        return eastron.make(kind, bus, address)

    def _total_mwh(self, connector):
        total = 0
        for _, payload in self._journal.state(kinds.CHECKPOINT):
            if payload[0] == connector:
                total = 1000 * payload[2]
        return total

    def volatile(self):
        """True if `on_event` has anything to keep."""
        meters = [c.get("meter") for c in self._board["connectors"]]
        return any([meter and meter["type"] in _VOLATILE for meter in meters])

    def on_event(self, kind, number, data):
        """Listener of the station: keeps the registers of meters that forget theirs.

        During a session its checkpoints do that: a power cut costs the energy since the last
        one (metering.CHECKPOINT_S).
        """
        if kind != "session_ended":
            return
        meter = self._board["connectors"][number - 1].get("meter")
        if not meter or meter["type"] not in _VOLATILE:
            return
        payload = [number, data.id, data.meter_wh, stamp(self._clock)]
        try:
            self._journal.keep(kinds.CHECKPOINT, number, payload)
        except Exception as exc:
            log.error("meter", "register not kept: %r", exc)

    def reader(self, report):
        """The tag reader, None without one.

        report(text or None): its fault; only readers that are polled can report one.
        """
        cfg = self._board.get("reader")
        if not cfg:
            return None
        kind = cfg["type"]
        if kind == "line":
            from rfid.line import LineReader

            return LineReader(self._uart(cfg["uart"])[0])
        from hal import buses
        from rfid.polling import Polled

        if kind == "mfrc522":
            from rfid.mfrc522 import Mfrc522

            spi, cs = buses.open_spi(cfg)
            return Polled(Mfrc522(spi, cs, buses.reset_pin(cfg)), report)
        if kind == "pn532":
            from rfid import pn532_bus
            from rfid.pn532 import Pn532

            if "uart" in cfg:
                bus = pn532_bus.Hsu(self._uart(cfg["uart"])[0])
            elif "sda" in cfg:
                bus = pn532_bus.I2c(buses.open_i2c(cfg))
            else:
                bus = pn532_bus.Spi(*buses.open_spi(cfg))
            return Polled(Pn532(bus, buses.reset_pin(cfg)), report)
        raise ValueError("reader type %s is not line, mfrc522 or pn532" % kind)
