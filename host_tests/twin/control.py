# Control commands inside the child: the physical world, the network, a look at the firmware.
# MIT license; part of microevse
"""`handle(command)` answers with (answer, after): `after`, if not None, runs once the answer is on
its way. The state of the firmware is read through `app.charger`, None-safe: before boot, and in
programs that are no charger, those fields are null."""

import gc
import sys

import micropython
import twin_state
from twin.chip import RESETS
from twin.net import TROUBLES
from twin.own_memory import own_bytes

MICROPYTHON = sys.implementation.name == "micropython"
try:
    import chipheap as chip_heap  # only in the interpreters of tools/frozen.py
except ImportError:
    chip_heap = None

PHYSICAL = (
    "plug", "unplug", "request", "release", "tap", "draw", "fault",
    "ev", "button", "lamps", "reader", "wire",
)  # fmt: skip
# The effect of `reboot` on the chip; `hard` is a machine.reset() without a preparation.
CAUSES = {"pwron": "power", "hard": "cpu", "wdt": "twdt", "deepsleep": "deepsleep", "soft": "soft"}


def _divided_heap():
    """True where the chip's program has areas of its own: a `heap_image` was asked for."""
    return chip_heap is not None and chip_heap.gc()[3] > 0


class Control:
    """heap_reserve: bytes of free heap that are the twin's own."""

    def __init__(self, heap_reserve=0):
        self.heap_reserve = heap_reserve
        self.ballast = None  # holds what is beyond a limited heap
        self.heap_base = 0  # what the twin had taken when the firmware began
        self._limit = self._own_at_first = 0

    def begin(self, limit, reserve, base):
        """The firmware starts with `limit` bytes of heap, and `reserve` beyond for the twin,
        which had taken `base` then."""
        self.heap_reserve = reserve
        self.heap_base = base
        self._limit = limit
        self._own_at_first = own_bytes()

    def handle(self, cmd):
        """Apply one command. Raises ValueError with the error in it."""
        do = cmd.get("do")
        if do in PHYSICAL:
            if "connector" in cmd:
                _integer(cmd, "connector")
            answer = {"ok": True}
            answer.update(twin_state.world.command(cmd) or {})
            return answer, None
        fn = getattr(self, "do_" + do, None) if isinstance(do, str) else None
        if fn is None:
            raise ValueError("unknown command %r" % (do,))
        return fn(cmd)

    def do_status(self, cmd):
        connector = _integer(cmd, "connector") if "connector" in cmd else 1
        answer = {
            "ok": True,
            "connector_status": None,
            "transaction": None,
            "transaction_uuid": None,
            "protocol": None,
            "ocpp": False,
            "heap_free": None,
        }
        answer.update(twin_state.world.status(connector))
        answer["t"] = twin_state.clock.now_us / 1000000
        charger = _charger()
        if hasattr(charger, "central"):
            answer.update(_status(charger, connector))
        # The free heap that the firmware sees includes the reserve of the twin.
        answer["heap_free"] = None
        if _divided_heap():
            answer["heap_free"] = chip_heap.gc()[1]
        elif MICROPYTHON:
            gc.collect()
            answer["heap_free"] = max(0, gc.mem_free() - self.heap_reserve)
        return answer, None

    def do_set(self, cmd):
        key, value = cmd.get("key"), cmd.get("value")
        if not isinstance(key, str) or not isinstance(value, str):
            raise ValueError('"key" and "value" must be strings')
        charger = _charger()
        if charger is None or getattr(charger, "settings", None) is None:
            raise ValueError("the charger has not started yet")
        result = charger.settings.set(key, value, True)  # True: by the owner
        if result in ("accepted", "reboot"):
            return {"ok": True, "result": result}, None
        reason = getattr(charger.settings, "reason", None)
        raise ValueError(reason or "%s: %s" % (key, result))

    def do_network(self, cmd):
        """up, and for the curious: dns_fail, dns_ms, refuse (a WLAN status), trouble (see
        net.py), upstream, lease, aps ({ssid: {"rssi", "key"}}), hosts ({name: address})."""
        net = twin_state.net
        more = ("dns_fail", "dns_ms", "refuse", "trouble", "upstream", "lease", "aps", "hosts")
        if not any([name in cmd for name in ("up",) + more]):
            raise ValueError('"up" is missing')
        for name in ("up", "dns_fail", "upstream"):
            if name in cmd and not isinstance(cmd[name], bool):
                raise ValueError('"%s" must be true or false' % name)
        for name in ("dns_ms", "refuse", "lease"):
            if cmd.get(name) is not None:
                _integer(cmd, name)
        if cmd.get("trouble") not in TROUBLES + (None,):
            raise ValueError('"trouble" must be null or one of ' + ", ".join(TROUBLES))
        if "up" in cmd:
            net.set_up(cmd["up"])
        for name in ("trouble", "upstream", "lease", "aps"):
            if name in cmd:
                getattr(net, "set_" + name)(cmd[name])
        if "hosts" in cmd:
            net.hosts = cmd["hosts"]
        for name in ("dns_fail", "dns_ms", "refuse"):
            if name in cmd:
                setattr(net, name, cmd[name])
        return {"ok": True}, None

    def do_join_ap(self, cmd):
        """A phone joins the charger's own access point: `ssid`, `key`."""
        twin_state.net.join_ap(cmd.get("ssid"), cmd.get("key"))
        return {"ok": True}, None

    def do_reboot(self, cmd):
        cause = cmd.get("cause", "hard")
        kind = CAUSES.get(cause, cause)
        if kind not in RESETS:
            raise ValueError("unknown cause %r" % (cause,))
        return {"ok": True}, lambda: twin_state.reset(kind)

    def do__chip(self, cmd):
        """Something happens to the chip ("what", see twin.chip.Chip.suffer), now or "after_ms";
        more is for that. The interpreter takes no part in it."""
        what, after = cmd.get("what"), cmd.get("after_ms", 0)
        more = dict(cmd)
        for name in ("do", "what", "after_ms"):
            more.pop(name, None)
        twin_state.chip.check(what)
        # As an event of the hardware: at its microsecond, also in the middle of a stall.
        twin_state.clock.after(int(after * 1000), lambda: twin_state.chip.suffer(what, **more))
        return {"ok": True}, None

    def do__at_import(self, cmd):
        """The command "then" is given when the module "file" begins to be loaded from a ROMFS."""
        twin_state.at_import = (cmd["file"], cmd["then"])
        return {"ok": True}, None

    def do_stall(self, cmd):
        """The interpreter stands still for `ms`, as in a long C call."""
        ms = _integer(cmd, "ms")
        return {"ok": True}, lambda: twin_state.clock.spend(1000 * ms)

    def do_fidelity(self, cmd):
        """How pilot windows are taken from now on; "sample" can be had for a while only."""
        level = cmd.get("level")
        if level not in ("analytic", "sample"):
            raise ValueError('"level" must be "analytic" or "sample"')
        options = twin_state.options
        if "usual_skip_ms" not in options:
            options["usual_skip_ms"] = options.get("skip_ms", 0)
        options["fidelity"] = level
        options["skip_ms"] = options["usual_skip_ms"] if level == "analytic" else 0
        twin_state.world.touch()
        return {"ok": True}, None

    def do_look(self, cmd):
        """The figures of the timer tick, or the snapshot for the page (for tests)."""
        tick = getattr(_charger(), "tick", None)
        if cmd.get("what") not in ("tick", "page", "setup") or tick is None:
            raise ValueError('"what" must be "tick", "page" or "setup", and the charger started')
        if cmd["what"] == "setup":
            names = [
                name for name in sys.modules if name.startswith(("commissioning.", "hal.softap"))
            ]
            loaded = [name for name in names if name != "commissioning.setup"]
            return {"ok": True, "modules": loaded}, None
        if cmd["what"] == "page":
            return {"ok": True, "page": _charger().view().snapshot()}, None
        return {
            "ok": True,
            "overruns": tick.overruns,
            "failures": tick.failures,
            "worst_gap_ms": tick.worst_gap_ms,
        }, None

    def do__flash(self, cmd):
        """Operations and erases since this boot, for those who cut the power at one of them."""
        flash = getattr(twin_state, "flash", None)
        ops, overwrites = (flash.ops, flash.overwrites) if flash else (0, 0)
        charger = _charger()
        queued = charger.journal.queued if charger else None
        return {
            "ok": True,
            "ops": ops,
            "reads": flash.reads if flash else {},
            "erases": _erases(),
            "overwrites": overwrites,
            "queued": queued,
        }, None

    def do__modules(self, cmd):
        """Files of the modules that are loaded."""
        found = [getattr(module, "__file__", None) for module in sys.modules.values()]
        return {"ok": True, "files": [file for file in found if file]}, None

    def do__heap(self, cmd):
        """After a collection, in bytes: taken since the firmware began, the twin's own included
        (`taken`); what the twin has come to hold since (`own`); what is left of the limit with
        that left out (`free`). How the free pieces lie is printed by the interpreter."""
        if not MICROPYTHON:
            raise ValueError("this interpreter counts no heap")
        if _divided_heap():
            return self._divided(cmd), None
        own = own_bytes() - self._own_at_first if self._limit else 0
        gc.collect()
        gc.collect()
        taken = gc.mem_alloc() - self.heap_base
        free = gc.mem_free() - self.heap_reserve + own
        micropython.mem_info()
        return {"ok": True, "taken": taken, "free": free, "own": own}, None

    def _divided(self, cmd):
        """The same where the chip's program has areas of its own, and the system heap beside."""
        if cmd.get("collect", True):
            chip_heap.as_chip(gc.collect)
            twin_state.clock.collected()  # ours: no time of the chip
        taken, free, largest, total, count = chip_heap.gc()
        system = twin_state.heap
        return {
            "ok": True, "taken": taken, "free": free, "own": 0, "largest": largest,
            "total": total, "collections": count, "system_free": system.free(),
            "system_largest": system.largest_internal(), "system_least": system.least(),
            "refused": system.refused,
        }  # fmt: skip

    def do__forget(self, cmd):
        """Drop what the twin remembers of the past: for those who measure the firmware's heap."""
        twin_state.world.history.clear()
        return {"ok": True}, None

    def do__snapshot(self, cmd):
        if cmd.get("last"):
            self.ballast = None  # it is a large piece of text
        return {"ok": True, "state": snapshot()}, None


def snapshot(kind=None):
    """All that must outlive this process, as JSON types. `kind`: of the reset that follows."""
    clock = twin_state.clock
    return {
        "chip": twin_state.chip.state(kind),
        "boot_us": clock.boot_us,
        "stopped_us": clock.stopped_us,
        "now_us": clock.now_us,
        "rtc_offset": clock.rtc_offset,
        "rtc_memory": bytes(twin_state.rtc_memory).hex(),
        "up": twin_state.net.up,
        "net": twin_state.net.state(),
        "world": twin_state.world.snapshot(),
        "erases": _erases(),
    }


def _erases():
    """{sector (text, as JSON has it): erases in this boot}"""
    flash = getattr(twin_state, "flash", None)
    return {str(n): count for n, count in flash.erases.items()} if flash else {}


def peer_busy():
    """Does the charger certainly have an answer coming: a CALL, or a handshake?"""
    charger = _charger()
    connection = getattr(charger, "connection", None)
    if connection is None:
        return False
    try:
        return bool(connection.busy) or not connection.connected
    except AttributeError:
        return False


def settled():
    """True while no state machine of the firmware counts windows of its pilot."""
    charger = _charger()
    if charger is None:
        return True  # a program that is no charger, or has not built it yet
    for evse in charger.evses:
        if not evse.quiet:
            return False
    return True


def _status(charger, number):
    """What the charger says. The status of the connector is in words of OCPP 1.6 under every
    version, so that a script needs one set of words."""
    there = "ocpp16" in sys.modules
    from ocpp16.names import connector_status

    connector = charger.station.connectors[number - 1]
    session, adapter = connector.session, charger.central.adapter
    id = adapter.transaction_id(session.id) if session and adapter else None
    connection = charger.connection
    answer = {
        "connector_status": connector_status(connector.status),
        "transaction": id if isinstance(id, int) else None,  # 2.x has the uuid alone
        "transaction_uuid": _uuid_text(session.uuid) if session else None,
        "protocol": connection.protocol[len("ocpp") :] if connection.connected else None,
        "ocpp": charger.central.accepted,
    }
    if not there:
        # The firmware speaks another version: its heap must not pay for this question.
        for name in ("ocpp16", "ocpp16.names"):
            sys.modules.pop(name, None)
    return answer


def _uuid_text(uuid):
    text = uuid.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _charger():
    return getattr(sys.modules.get("app"), "charger", None)


def _integer(cmd, name):
    value = cmd.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError('"%s" must be an integer' % name)
    return value
