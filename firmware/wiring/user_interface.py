# The parts for people: card reader, lamps, button.
# MIT license; part of microevse
"""Cards go to the station, its states to the lamps; the button ends a session or opens set-up."""

from evse_base import log


class UserInterface:
    """board: the profile. central: ocppj.central.Central."""

    def __init__(self, board, station, instruments, link, settings, central):
        self._station = station
        self._link = link
        self._settings = settings
        self._central = central
        self.setup = None  # commissioning.setup.Setup, once there is one
        self.reader = instruments.reader(self._reader_failed)
        self.panel = self._panel(board.get("leds"))
        self.button = self._button(board.get("button"))
        station.listeners.append(self._on_event)

    def start(self, supervisor):
        """Start the tasks of the parts that are fitted."""
        if self.reader:
            supervisor.start("reader", self._read_tokens)
        if self.panel:
            supervisor.start("lamps", self.panel.run)
        if self.button:
            supervisor.start("button", self.button.run)

    # -- cards ---------------------------------------------------------------------------

    async def _read_tokens(self):
        while True:
            token = await self.reader.next_tag()
            try:
                answer = await self._station.present_token(token, self.reader.kind)
            except Exception as exc:
                # The next card may be of another kind: reading goes on at once.
                answer = "failed: %r" % exc
            log.info("reader", "%s", answer)

    def _reader_failed(self, text):
        """The reader has failed (why), or works again (None)."""
        for connector in self._station.connectors:
            if text is None:
                connector.clear_fault("ReaderLost")
            else:
                connector.report_fault("ReaderLost", text[:40])

    # -- lamps ---------------------------------------------------------------------------

    def _panel(self, leds):
        if not leds:
            return None
        from hal.panel import Lamps
        from ui.patterns import Panel

        return Panel(Lamps(leds), self._states, self._link_state)

    def _states(self):
        return [connector.status for connector in self._station.connectors]

    def _link_state(self):
        if not self._link.connected:
            return "no_network"
        return "online" if self._central.accepted else "no_csms"

    def _on_event(self, kind, connector, data):
        if kind == "status" and self.panel:
            self.panel.refresh()

    # -- button --------------------------------------------------------------------------

    def _button(self, pin):
        if pin is None:
            return None
        from hal.panel import Contact
        from ui.button import Button

        contact = Contact(pin)
        return Button(contact.pressed, contact.flag, self._short_press, self._long_press)

    def _short_press(self):
        # A button knows no credential: it can end a session, never begin or change one. With
        # several sessions it is not known which of them is meant.
        running = [c for c in self._station.connectors if c.session and not c.session.stopping]
        if len(running) == 1:
            log.info("button", "ends the session of connector %d", running[0].id)
            running[0].request_stop("local")
        else:
            log.info("button", "%d sessions run: nothing done", len(running))

    def _long_press(self):
        """Reset an emergency stop that has been released. Where there is none: tell the console
        where the charger can be found, and open the network for set-up."""
        # IEC 60204-1 (emergency stop): reset by hand, at the place. It starts nothing.
        if any([c.sequence.reset_faults(closings=False) for c in self._station.connectors]):
            log.info("button", "emergency stop reset")
            return
        text = self._settings.text
        link = self._link
        log.info("button", "host %s, address %s", link.name, link.address or "none")
        log.info("button", "network %s", text("WifiSsid") or "not set")
        log.info("button", "central system %s", log.redact(text("CentralSystemURI")))
        if self.setup:
            self.setup.request()
