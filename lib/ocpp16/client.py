# The adapter of OCPP 1.6: the station on one side, a 1.6 central system on the other.
# MIT license; part of microevse
"""An adapter as `ocppj.central` describes it. Its parts send in this order: registration,
transaction events, status, file notifications, security events and news of logs (this object is
that part), heartbeat. Only Authorize is sent from elsewhere.
"""

import asyncio

from evse_base import log
from ocppj import on_demand
from ocppj.messages import CallError, Disconnected
from ocppj.registration import Registration
from ocppj.schema import Schema
from ocppj.status_queue import StatusQueue
from station import security_log

from . import names, schemas, status
from .transactions import Transactions, token_info


# Rows of ocppj.on_demand: which function answers which action. Two more are in firmware.py.
ACTIONS = """
RemoteStartTransaction remote.remote_start
RemoteStopTransaction remote.remote_stop
UnlockConnector remote.unlock_connector
Reset remote.reset
ChangeAvailability remote.change_availability
ClearCache remote.clear_cache
SetChargingProfile smart_charging.set_charging_profile
ClearChargingProfile smart_charging.clear_charging_profile
GetCompositeSchedule smart_charging.get_composite_schedule
GetConfiguration configuration.get_configuration
ChangeConfiguration configuration.change_configuration
TriggerMessage trigger.trigger_message
DataTransfer data_transfer.data_transfer
GetLocalListVersion local_list.get_local_list_version
SendLocalList local_list.send_local_list
ReserveNow reservation.reserve_now
CancelReservation reservation.cancel_reservation
GetLog logs.get_log
InstallCertificate certificates.install_certificate
DeleteCertificate certificates.delete_certificate
CertificateSigned certificates.certificate_signed
ExtendedTriggerMessage extended_trigger.extended_trigger_message
GetInstalledCertificateIds certificates.get_installed_certificate_ids
SignedUpdateFirmware signed_firmware.signed_update_firmware
"""


class Ocpp16:
    """OCPP 1.6 on top of a Station.

    call: async callable(action, payload) -> payload (Rpc.call; raises Disconnected without a
        connection).
    identity: BootNotification fields.
    link: its `connected` is False when the network is known to be gone: a driver with a card
        is then not kept waiting for an answer that cannot come. None: not known.
    profiles: names of the feature profiles that are offered.
    passing: True to load the code of requests when they come (see on_demand).

    The attributes without underscore are what the handlers of requests work with. `firmware`: a
    firmware.Firmware, where FirmwareManagement is fitted; to be set before `attach`.
    """

    package = "ocpp16"
    schema = Schema(schemas.TABLE)

    # fmt: off
    def __init__(self, call, station, settings, clock, identity, link=None,
                 profiles=(), passing=False):
        # fmt: on
        self._call = call
        self._wake = None
        call = self.call
        self.station = station
        self.settings = settings
        self.clock = clock
        self.profiles = profiles
        self.boot = Registration(call, settings, clock, lambda: identity)
        self.status = StatusQueue(
            call, settings, clock,
            lambda: range(len(station.connectors) + 1),
            lambda connector: status.render(station, clock, connector),
            status.FIELDS,
        )  # fmt: skip
        # Not through `call`: delivery lets this part send only while it is attached.
        self.transactions = Transactions(self._call, station)
        self.firmware = None
        self.passing = passing
        if not passing:
            from station import composite  # noqa: F401 (a handler needs it)

            on_demand.load_all(self.package, ACTIONS)
        self._link = link

    def call(self, action, payload):
        """The answer to a message, as the `call` of the constructor. A handler that ends after its
        connection must not send on the next one: that may speak another protocol."""
        if self._wake is None:
            raise Disconnected("detached")
        return self._call(action, payload)

    @property
    def registered(self):
        """The central system has accepted our BootNotification."""
        return self.boot.accepted

    def transaction_id(self, session):
        """transactionId of a session, None while there is none."""
        return self.transactions.transaction_id(session)

    async def ask(self, token, kind):
        """Authorize.req (section 4.1): the verdict of the central system about a token, see
        `transactions.token_info`; None while it cannot be asked. 1.6 knows no kinds of tokens:
        only the text is sent, and the answer holds for a token of every kind."""
        # An answer without a status does not permit charging.
        refused = {"status": "invalid", "expiry": None, "parent": None}
        if len(token) > names.ID_TAG:
            # The central system cannot bill a token that 1.6 cannot carry. It was not asked.
            refused["own"] = True
            return refused
        # Only while attached, hence connected.
        if not self.boot.accepted or self._link is not None and not self._link.connected:
            return None
        try:
            answer = await self.call("Authorize", {"idTag": token})
        except (asyncio.TimeoutError, Disconnected):
            # No answer is "offline" for the rules of LocalAuthorizeOffline (section 3.5).
            return None
        except CallError as exc:
            log.warn("ocpp", "Authorize refused: %s", exc.code)
            answer = {}
        return token_info(answer.get("idTagInfo")) or refused

    # -- for ocppj.central ---------------------------------------------------------------

    def get(self, action):
        """The handler of an action, as rpc.Rpc wants it; None if it has none."""
        if self.firmware and action in self.firmware.handlers:
            return self.firmware.handlers[action]  # they have a state of their own: always loaded
        return on_demand.handler(self, action, self.package, ACTIONS)

    def attach(self, wake):
        """A connection begins: listen to the station, answer it, and tell what holds now."""
        self._wake = wake
        security_log.on_news = wake
        self.refusals = self.tell_ms = self.starved_ms = 0  # see station.security_news
        self.station.authorizer.remote = self.ask
        self.station.listeners.append(self._on_station_event)
        self.settings.listeners.append(self._on_setting)
        self.boot.connected()
        self.station.delivery.attach(self.transactions)
        self.status.everything()
        self.station.reservations.spoken_to(False)
        self.station.stop_points = False
        if self.firmware:
            self.firmware.jobs.on_news = wake
            self.firmware.connected()

    def detach(self):
        """The connection has ended: the station goes on without this adapter."""
        self.station.authorizer.remote = security_log.on_news = None
        self.station.delivery.detach(self.transactions)
        for listeners, fn in (
            (self.station.listeners, self._on_station_event),
            (self.settings.listeners, self._on_setting),
        ):
            if fn in listeners:
                listeners.remove(fn)
        if self.firmware:
            self.firmware.jobs.on_news = None
        self._wake = None

    def parts(self):
        """The parts that may send now, most important first; before registration only `boot`."""
        if not self.boot.accepted:
            return (self.boot,)
        if self.firmware:
            return (self.station.delivery, self.status, self.firmware, self, self.boot)
        return (self.station.delivery, self.status, self, self.boot)

    def due_in_ms(self):
        """Milliseconds until something of the security log may be told; None: there is nothing."""
        return security_log.due_in_ms(self)

    async def step(self):
        """Tell it, or ask for a certificate; raises what Rpc.call raises."""
        place = ("signing", "begin") if self.signs else ("security_events", "tell")
        await on_demand.once(self, *place)

    def _on_station_event(self, kind, connector, data):
        if kind in ("status", "fault") and self.boot.accepted:
            self.status.changed(connector)
        self._wake()

    def _on_setting(self, name, value):
        if name == "HeartbeatInterval":
            self.boot.interval_changed()
        elif name == "SecurityProfile":
            self.boot.register_again()
        self._wake()
