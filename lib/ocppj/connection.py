# The connection to the central system: made, watched, and made again.
# MIT license; part of microevse
"""Keeps one OCPP-J connection up for ever: connect, handshake, serve, ping, back off.

Two steps stall the interpreter: name resolution and the TLS handshake. Both ask the `allowed`
gate first; an address once resolved is kept, so a lost ws:// connection comes back without DNS.
"""

import asyncio
import gc

from evse_base import log
from evse_base import const, ended, print_exception, random_below, release, ticks_diff, ticks_ms

from . import dial, frames
from .backoff import CAP_MS, Backoff
from .intake import TooLarge
from .messages import Disconnected
from .resolver import Resolver
from .websocket import MAX_SIZE, WebSocket

_CONNECT_TIMEOUT_S = const(30)
# Only a connection that held this long shortens the next wait again: a server that accepts and
# closes at once (wrong password told by close 1008) must not be hammered.
_LASTED_S = const(30)
# A dead line is one without a byte for this many ping intervals (in tenths).
_PING_DEADLINE_TENTHS = const(35)
# Longest interval, in s: 3.5 times it is still within the range of the tick counter.
_PING_LIMIT_S = const(86400)
# How often the keeper looks, so that a changed interval soon holds.
LOOK_S = 10
GATE_LOOK_S = 1
# A larger message than max_message is refused with a CALLERROR up to this size (a list of 2,000
# idTags sent in one piece); beyond it with close code 1009.
_SKIP_SIZE = const(262144)
# How long the reader may take to find out why nothing can be sent.
GRACE_S = 1


class Connection:
    """Makes one connection after the other.

    config: read anew at each attempt: url, charge_point_id, password (bytes or None), ca_der
        (list), client_certificate() -> (chain, key) or None as tls.client_context takes them,
        ping_interval (s, 0 = off), connect_timeout (s), message_timeout (s), and max_message
        (bytes) if it has one.
    open_stream: as dial.open_stream. on_up: async fn(protocol), runs as a task that lives as
        long as the connection. on_down: plain fn(reason). rand: fn(n) -> 0..n-1.
    clock: has uptime(), for `since`; or None. allowed: plain fn(ms=0) -> True while a stall of the
        interpreter does no harm, now and for `ms`. resolve: as dial.resolve, or Dns.lookup.
    protocols: sub-protocols, most preferred first; or fn() -> those available now.
    Give it the Rpc with `attach` before `run`; a `Central` does that, and sets the hooks.
    """

    # fmt: off
    def __init__(self, config, open_stream=dial.open_stream, on_up=None, on_down=None,
                 rand=random_below, clock=None, allowed=None, resolve=dial.resolve,
                 protocols=("ocpp1.6",)):
        # fmt: on
        self._config = config
        self.on_up, self.on_down = on_up, on_down
        self.on_protocol = None  # plain fn(protocol) before anything is read; may raise
        self.protocols = protocols
        self._clock = clock
        self._allowed = allowed or (lambda ms=0: True)
        self.resolver = Resolver(resolve, self._allowed)
        self._dialer = dial.Dialer(config, open_stream, self.resolver, self._offered)
        self._backoff = Backoff(rand)
        self._rpc = None
        # fn(HTTP status: 0 without one, None after a connection; failure.event; reason)
        self.on_failure = None
        self._ws = None
        self._connect_now = asyncio.Event()  # set: no wait before the next attempt
        self._ended = asyncio.Event()
        self._reason = ""
        self._silence = None  # ticks of the first attempt without an answer
        self._cap_ms = CAP_MS
        self.connected = False
        self.gated = False  # only the `allowed` gate keeps it from connecting
        self.protocol = None
        self.state = "not started"
        self.since = None  # uptime in s of the last change of `state`
        self.last_error = ""
        self.last_status = None  # HTTP status of the last refusal, 0 if it was none
        self.attempts = 0

    def attach(self, rpc):
        """The Rpc that gets the messages; its `send` should be our `send`."""
        self._rpc = rpc
        rpc.on_timeout = self._on_call_timeout

    @property
    def busy(self):
        """True while one of our CALLs awaits its answer."""
        return self._rpc is not None and self._rpc.in_flight

    def quiet_s(self):
        """Seconds since the first of the attempts without any answer; None if there is none."""
        return None if self._silence is None else ticks_diff(ticks_ms(), self._silence) // 1000

    async def send(self, message):
        """Send one message (see WebSocket.send). Raises Closed."""
        if not self.connected:
            raise frames.Closed(frames.NORMAL, "not connected")
        await self._ws.send(message)

    async def restart(self, reason):
        """Close, and connect again at once with the configuration as it then is."""
        log.info("net", "restart: %s", reason)
        self._connect_now.set()
        self._end(reason)

    async def goodbye(self):
        """Close because the station goes away, and wait until the other side has done so."""
        if self.connected:
            await self._ws.close(frames.GOING_AWAY, "restart")

    def lost(self, reason):
        """The network is gone: end the connection without waiting for pings."""
        if self.connected:
            self._end(reason)

    def retry(self):
        """The network is back: connect now instead of at the end of the back-off."""
        if not self.connected:
            self._connect_now.set()

    async def run(self):
        """For ever; cancel it to end the connection."""
        while True:
            reason = event = ""
            try:
                await self._wait_for_gate()
                self._connect_now.clear()
                self.attempts += 1
                self._cap_ms = CAP_MS
                began = ticks_ms()
                reason = await self._once()
            except Exception as exc:
                from . import failure

                reason = failure.words(exc, self._timeout_s(), self._allowed)
                self.last_status = getattr(exc, "status", 0)
                event = failure.event(self.last_status, reason)
                self._cap_ms = failure.longest_wait_ms(exc)
                silence = began if self._silence is None else self._silence
                self._silence = None if failure.heard(exc) else silence
                release("ocppj.failure")
                release("ocppj.tls")
                # Without even an HTTP status the address may be an old one.
                self._dialer.answered(self.last_status)
            if reason is None:  # no failure: nothing on trial counts it, and nothing is loaded
                reason = "a car charges: TLS has to wait"
            elif self.on_failure:
                self.on_failure(self.last_status, event, reason)
            self.last_error = reason
            log.warn("net", "%s", reason)
            # The heap of the failed attempt, above all TLS buffers, must be free for the next one.
            gc.collect()
            await self._pause()

    # ---- one attempt

    def _offered(self):
        return self.protocols() if callable(self.protocols) else self.protocols

    async def _wait_for_gate(self):
        """Wait until an attempt may stall the interpreter, or would not stall it."""
        while not self._offered() or not self._allowed() and self._dialer.would_stall():
            self.gated = True
            self._set_state("waiting: reconnects when no car is charging")
            await asyncio.sleep(GATE_LOOK_S)
        self.gated = False

    def _timeout_s(self):
        return self._config.connect_timeout or _CONNECT_TIMEOUT_S

    async def _once(self):
        """Connect and serve; returns the reason of the end, None if a car goes first."""
        self._set_state("connecting")
        try:
            # One time limit for all steps: a closed port and TLS show only at the first exchange.
            found = await asyncio.wait_for(self._dialer.open(), self._timeout_s())
            if found:
                self.last_status = self._silence = None
                self._dialer.answered(True)
                return await self._serve(*found)
        finally:
            await self._dialer.close()

    # ---- a live connection

    async def _serve(self, protocol, pending):
        self._ended = asyncio.Event()
        self._reason = ""
        size = getattr(self._config, "max_message", MAX_SIZE)
        reader, writer = self._dialer.reader, self._dialer.writer
        ws = self._ws = WebSocket(reader, writer, size, pending, _SKIP_SIZE)
        ws.on_broken, tasks = self._on_broken, []
        try:
            if self.on_protocol:
                self.on_protocol(protocol)
            self.connected, self.protocol = True, protocol
            self._set_state("connected")
            log.info("net", "connected, %s", protocol)
            if self._rpc:
                self._rpc.connected()
            tasks.append(asyncio.create_task(self._read(ws)))
            tasks.append(asyncio.create_task(self._keep(ws)))
            if self.on_up:
                tasks.append(asyncio.create_task(self._user(protocol)))
            if self._connect_now.is_set():
                self._end("restart")  # it was asked for during the handshake
            await self._ended.wait()
        finally:
            self.connected = False
            self._set_state("disconnected")
            if self._rpc:
                self._rpc.disconnected()
            try:
                if self._connect_now.is_set():
                    await ws.close(frames.NORMAL, "restart")
            finally:
                ws.abort(self._reason)
                self._ws = None
                for task in tasks:
                    task.cancel()
                if self.on_down:
                    self.on_down(self._reason)
        # The next connection begins only when they have ended: two on_up must not run at once.
        for task in tasks:
            await ended(task)
        return self._reason

    def _end(self, reason):
        if not self._ended.is_set():
            self._reason = reason
            self._ended.set()

    def _on_broken(self, closed):
        self._end(str(closed))

    def _on_call_timeout(self):
        # With pings off nothing else finds a half-open line: it gets the time of two CALLs.
        ws = self._ws
        if ws and not self._config.ping_interval:
            if ws.silent_ms() >= 2000 * self._config.message_timeout:
                self._end("no sign of life from the central system")

    async def _read(self, ws):
        try:
            while True:
                message = await ws.recv()
                if isinstance(message, str) and self._rpc:
                    await self._rpc.on_text(message)
                elif isinstance(message, TooLarge) and self._rpc:
                    self._rpc.too_large(message.head, message.size)
                else:
                    log.warn("ocpp", "binary message ignored")  # OCPP-J is text only
                message = None  # the next message may be long in coming: free its memory
        except frames.Closed as exc:
            self._end(str(exc))
        except Exception as exc:
            print_exception(exc)
            self._end("failure while reading: %s" % type(exc).__name__)

    async def _keep(self, ws):
        """Ping; find a dead line; reset the back-off for a connection that lasts."""
        up_s = since_ping_s = 0
        while True:
            interval = min(max(0, self._config.ping_interval), _PING_LIMIT_S)
            step = min(interval, LOOK_S) if interval else LOOK_S
            await asyncio.sleep(step)
            up_s += step
            since_ping_s += step
            if up_s >= _LASTED_S:
                self._backoff.reset()
            if not interval:
                continue
            if ws.silent_ms() > interval * 100 * _PING_DEADLINE_TENTHS:
                self._silence = ticks_ms()
                return self._end("no answer to pings")
            if since_ping_s >= interval:
                since_ping_s = 0
                try:
                    await ws.ping()
                except frames.Closed as exc:
                    return self._end(str(exc))

    async def _user(self, protocol):
        try:
            await self.on_up(protocol)
        except (Disconnected, frames.Closed):
            # The line is gone. The reader finds and reports the reason; if it does not:
            await asyncio.sleep(GRACE_S)
            self._end("cannot send")
        except Exception as exc:
            # A defect in this program; a new connection is a new start for it.
            print_exception(exc)
            self._end("stopped: %s" % type(exc).__name__)

    # ---- between attempts

    async def _pause(self):
        if self._connect_now.is_set():
            self._backoff.reset()
            return
        wait_ms = self._backoff.next_ms(self._cap_ms, getattr(self._config, "back_off", None))
        self._set_state("waiting %d s before the next attempt" % ((wait_ms + 999) // 1000))
        try:
            await asyncio.wait_for(self._connect_now.wait(), wait_ms / 1000)
            self._backoff.reset()
        except asyncio.TimeoutError:
            pass

    def _set_state(self, text):
        if text != self.state:
            self.state = text
            if self._clock:
                self.since = self._clock.uptime()
