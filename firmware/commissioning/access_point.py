# One opening of the set-up network: from the access point to the charger's new address.
# MIT license; part of microevse
"""Imported while the access point is open, and dropped after (setup.py)."""

import asyncio
import os

from evse_base import log, release, traceless
from commissioning import captive_dns
from commissioning.checks import refusals
from commissioning import blink_code
from commissioning.label import NEXT, draw, password, secret_of, unit_name
from commissioning.portal import Portal
from hal import board, system
from hal.softap import SoftAp

# Without a visitor for so long the access point closes; and it never stays longer than that.
WINDOW_S = 600
LONGEST_S = 3600
# After success: for the phone that must find its way back to read the new address, and once
# it has read it.
KEEP_S = 120
READ_S = 20
# Seconds between two trials, and how many one opening allows.
PAUSE_S = 3
TRIES = 20
_LOOK_S = 0.5
_SCAN_AGAIN_S = 10

FORM, TRYING, DONE = 0, 1, 2
# Fields of the form; the network last: with it the charger counts as set up.
FIELDS = (
    "CentralSystemURI",
    "ChargePointId",
    "BasicAuthPassword",
    "WebPassword",
    "MaxCurrent",
    "FreeMode",
    "WifiPassword",
    "WifiSsid",
)
SECRET = ("BasicAuthPassword", "WebPassword", "WifiPassword")
CA_FILE = "ca.pem"
PUBLIC = "public"  # see roots.py
# So long no contactor may close: a scan takes two seconds, closing the network less.
_SCAN_MS = 3000
_CLOSE_MS = 1000
_WHY = {
    "refused": "WifiPassword: the network refused it. Most often the password is wrong.",
    "not found": "WifiSsid: no network of this name was heard (2.4 GHz only).",
    "no answer": "WifiSsid: the network did not let us in within 20 s.",
}


class Session:
    """The state of one set-up. The page shows it and calls `submit` and `scan`.

    setup: commissioning.setup.Setup, which stops and resumes the use of `link`. may_stall():
    True while it does not matter if the interpreter stalls. central: ocppj.central.Central.
    OSError if the chip has no access point.
    """

    def __init__(self, setup, link, may_stall, station, central):
        self.settings = station.settings
        self.clock = station.clock
        self.link = link
        self.central = central
        self.may_stall = may_stall
        self._setup = setup
        self.ap = ap = SoftAp()
        self.name = unit_name(system.unique_id())
        self.panel = setup.panel
        self.label = ""  # the password of the next time, once the charger is set up
        self._next = ""  # the secret that it is made of, where nobody has one yet
        self.first = not self.settings.text("WifiSsid")
        profile = board.load()
        self.max_a = min([c["max_a"] for c in profile["connectors"]])
        self.button = profile.get("button") is not None
        self.networks = []
        self._scanned = None
        self.state = FORM
        self.values = {}  # as typed
        self.errors = {}  # field -> sentence
        self.owner = None  # address of the client that typed: only it is shown the secrets again
        self.ap_address = ap.address
        self.address = ""
        self.tries = 0
        self.read = False  # the new address has been shown
        self.seen = self.ended = self._tried = self.clock.uptime()

    def scan(self):
        """Look for networks again, if that does no harm now."""
        now = self.clock.uptime()
        recent = self._scanned is not None and now - self._scanned < _SCAN_AGAIN_S
        if not recent and self.may_stall(_SCAN_MS):
            self._scanned = now
            self.networks = self.ap.scan()

    def text(self, name):
        """The first text of a field of the form."""
        if name in SECRET:
            return ""
        value = self.settings.text(name)
        if name == "ChargePointId" and not value:
            return self.name
        # The circuit's current has to be typed: no default may be accepted unread.
        return "" if name == "MaxCurrent" and self.first else value

    def keep(self, values, who):
        """Keep the text typed so far; it is checked when it is sent."""
        if self.state == FORM:
            self.owner, self.values, self.errors = who, values, {}

    def submit(self, values, who):
        """Check the values typed, and try them; `state` and `errors` tell the rest."""
        if self.state != FORM:
            return
        now = self.clock.uptime()
        self.owner, self.values = who, values
        self.errors = self._check(self._wanted())
        if not self.errors and self.tries >= TRIES:
            self.errors = {"": "Too many tries: switch the charger off and on, then again."}
        if not self.errors and self.tries and now - self._tried < PAUSE_S:
            self.errors = {"": "Please wait %d s and send it again." % PAUSE_S}
        if not self.errors:
            self.tries += 1
            self._tried = now
            self.state = TRYING
            asyncio.create_task(traceless(self._try()))

    def _wanted(self):
        """{setting: text} of the values typed. An empty secret means: as it was."""
        wanted = {}
        for name in FIELDS:
            value = self.values.get(name, "")
            if name not in SECRET:
                # A space at the end comes from the phone's keyboard; in a WiFi name it may be
                # meant.
                value = value if name == "WifiSsid" else value.strip()
            elif not value:
                same = self.values.get("WifiSsid", "") == self.settings.text("WifiSsid")
                if name != "WifiPassword" or (same and not self.first):
                    continue
            wanted[name] = value
        wanted["FreeMode"] = "true" if wanted["FreeMode"] else "false"
        # A certificate that was pasted counts more; without the mark public roots are given up.
        if not self.values.get("Ca"):
            if self.values.get("CaPublic"):
                wanted["CaFile"] = PUBLIC
            elif (self.settings.text("CaFile") + "/").startswith(PUBLIC + "/"):
                wanted["CaFile"] = ""
        return wanted

    def _check(self, wanted):
        settings = self.settings
        known = {"CaFile": CA_FILE} if self.values.get("Ca") else {}
        errors = refusals(wanted, lambda name: known.get(name) or settings.text(name))
        if not wanted["WifiSsid"]:
            errors["WifiSsid"] = "WifiSsid: choose a network, or type its name"
        if not wanted.get("WebPassword") and not settings.text("WebPassword"):
            errors["WebPassword"] = "WebPassword is missing: at least 8 characters"
        if not wanted["MaxCurrent"]:
            errors["MaxCurrent"] = "MaxCurrent: choose what the circuit is made for"
        elif "MaxCurrent" not in errors and int(wanted["MaxCurrent"]) > self.max_a:
            errors["MaxCurrent"] = "MaxCurrent: this board is made for %d A at most" % self.max_a
        if not wanted["CentralSystemURI"] and wanted["FreeMode"] == "false":
            errors["CentralSystemURI"] = (
                "CentralSystemURI is missing; without one, charging must be free (FreeMode)"
            )
        if self.values.get("Ca"):
            from ocppj import pem

            try:
                if not pem.pem_to_der(self.values["Ca"], pem.CERTIFICATE):
                    errors["CaFile"] = "CaFile: there is no certificate in it"
            except ValueError as exc:
                errors["CaFile"] = "CaFile: %s" % exc
        return errors

    async def _try(self):
        """Join; keep everything once that has worked, nothing before."""
        wanted = self._wanted()
        setup = self._setup
        log.info("setup", "trying the network that was given")
        await setup.pause_network()
        try:
            key = wanted.get("WifiPassword")
            if key is None:
                key = self.settings.text("WifiPassword")
            self.address = await self.ap.join(wanted["WifiSsid"], key)
            self.errors = self._store(wanted)
        except ValueError as exc:
            sentence = _WHY.get(str(exc), str(exc))
            self.errors = {sentence.partition(":")[0]: sentence}
        except OSError as exc:
            self.errors = {"": "The WiFi chip refused: %s. Please try again." % exc}
        finally:
            self.seen = self.clock.uptime()
            self.state = FORM if self.errors else DONE
            setup.resume_network()
        if self.errors:
            log.warn("setup", "not joined: %s", ", ".join(self.errors) or "?")
            return
        self.values = {}
        self.ended = self.seen
        log.info("setup", "done, address %s", self.address)

    def _store(self, wanted):
        """Store into the journal; {} or {setting: why it could not be kept}."""
        settings = self.settings
        if self.values.get("Ca"):
            if not self.may_stall():
                return {"CaFile": "CaFile: cannot be stored while a car charges"}
            # Renamed when complete: a power cut leaves the old one or the new one.
            with open(CA_FILE + ".new", "w") as f:
                f.write(self.values["Ca"])
            os.rename(CA_FILE + ".new", CA_FILE)
            wanted["CaFile"] = CA_FILE
        # Before the network, with which the charger counts as set up: the owner has read the
        # password that comes of it (`upcoming`), and must not need the cable after a power cut.
        if self._next and not settings.keep_own(NEXT, self._next):
            return {"": settings.reason}
        for name in ("CaFile",) + FIELDS:
            if name in wanted and settings.set(name, wanted[name], True) not in (
                "accepted",
                "reboot",
            ):
                return {name: settings.reason or name + " could not be stored"}
        log.info("setup", "stored %s", ", ".join(sorted(wanted)))
        self.label = self.password()
        return {}

    def password(self):
        """That of the charger's label."""
        return password(system.unique_id(), secret_of(self.settings))

    def upcoming(self):
        """The password of the next time, to be read before anything is stored; "" where there is a
        label."""
        return password(system.unique_id(), self._next) if self._next else ""

    def code(self):
        """A code for the lamp, where no label can exist: a charger that was never set up, and was
        not given a secret when it was flashed. None elsewhere: who has only the button and the
        lamp must not get into a charger that belongs to somebody.

        Where the console is locked, and there is no lamp, the console tells this code: it holds
        for one opening, and nobody owns the charger yet."""
        told = self.panel or console_locked()
        if self.first and told and not self.settings.text("SetupKey"):
            # Another one for each opening: who was in the network before does not know it.
            self._next = draw()
            return blink_code.draw()
        return None

    def over(self):
        """True when the access point may close."""
        now = self.clock.uptime()
        if self.state == DONE:
            return now - self.ended >= KEEP_S or (self.read and now - self.seen >= READ_S)
        return self.state == FORM and now - self.seen >= WINDOW_S


def console_locked():
    """True if the console is locked: then it must tell no password that lasts."""
    from hal import kept

    try:
        return kept.lock_console(False)  # what is locked stays so
    finally:
        release("hal.kept")


async def hold(session, supervisor):
    """Open the access point, serve the page, close it again. OSError if the chip refuses."""
    ap, clock = session.ap, session.clock
    session.scan()
    ap.wake()
    code = session.code()
    key = code or session.password()
    ap.open(session.name, key)
    tasks = []
    try:
        if code and session.panel:
            show = blink_code.show
            tasks.append(supervisor.start("set-up code", lambda: show(session.panel, code)))
        portal = Portal(session, ap.address)
        tasks.append(supervisor.start("set-up names", lambda: captive_dns.serve(ap.address)))
        tasks.append(supervisor.start("set-up page", portal.run))
        await asyncio.sleep(0.1)  # both listen now
        if console_locked() and (session.panel or not code):
            print("set-up: this console is locked and tells no password")
        else:
            # Printed, not logged: the log can be read over the network.
            args = session.name, key, ap.address
            print("set-up: WiFi %s, password %s, page http://%s/" % args)
        log.info("setup", "network %s is open, page http://%s/", session.name, ap.address)
        if code and session.panel:
            print("set-up: the lamp shows this password, too")
        began = clock.uptime()
        while not session.over() and clock.uptime() - began < LONGEST_S:
            await asyncio.sleep(_LOOK_S)
        while not session.may_stall(_CLOSE_MS):
            await asyncio.sleep(_LOOK_S)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)
        ap.close()
        why = "set up" if session.state == DONE else "nobody set it up"
        log.info("setup", "network %s is closed: %s", session.name, why)
