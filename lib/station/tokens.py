# Cards shown to the station: which connector they mean, and whether they start or end.
# MIT license; part of microevse
"""Answers to a token that is presented."""

from evse_base import log

from .authorization import bad_token, same_token

# A card held a moment too long must not start again the session that it has just ended.
SAME_CARD_MS = 5000


class Tokens:
    """Tokens presented to `station` by a reader, a page or a button."""

    def __init__(self, station, clock):
        self._station = station
        self._clock = clock
        self._asking = []  # tokens that are being checked
        self._ended_by = (None, None, 0)  # token that ended a session, its kind, and when

    async def present(self, token, kind, connector):
        """A token was shown (at `connector`, if known). Returns a sentence for the driver."""
        token = token.strip()
        bad = bad_token(token)
        if bad:
            return bad
        if self._station.resetting or self._station.recovering:
            return "Restarting."
        stopped, of, when = self._ended_by
        if same_token(stopped, token, of, kind) and self._clock.uptime_ms() - when < SAME_CARD_MS:
            return "Session ended."
        if connector:
            chosen = self._station.connector(connector)
        else:
            chosen = self._choose(token, kind)
        if chosen is None:
            return "No free connector."
        if chosen.session is not None:
            return await self._token_during_session(chosen, token, kind, connector)
        if chosen.release_cable(token, kind):
            return "The cable is yours again."
        if chosen.waits_for(token, kind):
            return "Accepted: plug in."
        if not chosen.free:
            return chosen.why
        reservations, authorizer = self._station.reservations, self._station.authorizer
        parent = authorizer.parent_of(token, kind)
        if not reservations.admits(chosen, token, parent, kind):
            # A token of the master pass needs no place: it ends the sessions elsewhere.
            if not reservations.asks_for_group(chosen) and not self._master_may_come():
                return chosen.why
        if token.upper() in self._asking:
            return "One moment."
        verdict = await self._check(token, kind)
        if not verdict.accepted:
            return "Not accepted: %s." % verdict.status
        parent = verdict.parent or parent
        if authorizer.is_master(parent):
            return self._end_by_master(token, kind, connector)
        if not connector and not reservations.admits(chosen, token, parent, kind):
            chosen = reservations.best(token, parent, True, kind) or chosen
        if verdict.only and chosen.id not in verdict.only:
            return "Not accepted at this connector."
        if not chosen.authorize(token, parent, self._clock.uptime_ms(), kind):
            return chosen.why
        return "Accepted."

    def _choose(self, token, kind):
        """The connector that a token is meant for, shown at a reader that serves all
        connectors."""
        for connector in self._station.connectors:
            session = connector.session
            if session is not None and same_token(session.token, token, session.kind, kind):
                return connector
        for connector in self._station.connectors:
            if connector.keeps_for(token, kind) or connector.waits_for(token, kind):
                return connector
        reservations = self._station.reservations
        parent = self._station.authorizer.parent_of(token, kind)
        free = reservations.best(token, parent, False, kind)
        if free is not None:
            return free
        # If no connector is free, the token can only end a session of its group, or any session.
        master = self._station.authorizer.master
        for connector in self._station.connectors:
            if connector.session is not None and (connector.session.parent or master):
                return connector
        return self._station.connectors[0] if self._station.connectors else None

    def _master_may_come(self):
        """True if there is a session that a token of the master pass could end."""
        sessions = [c for c in self._station.connectors if c.session is not None]
        return bool(sessions and self._station.authorizer.master)

    def _end_by_master(self, token, kind, shown_at):
        """A token of the master pass: it ends all sessions, or the one at the connector whose own
        reader it was shown at (2.x C16)."""
        ended = 0
        for connector in self._station.connectors:
            session = connector.session
            if session is None or session.stopping or shown_at not in (None, connector.id):
                continue
            ended += connector.request_stop("master_pass", token, kind)
        if not ended:
            return "Not accepted: this card only ends sessions."
        self._ended_by = (token, kind, self._clock.uptime_ms())
        return "Session ended."

    async def _token_during_session(self, connector, token, kind, shown_at):
        session = connector.session
        if session.stopping:
            return "The session is ending."
        if not same_token(token, session.token, kind, session.kind):
            # Only a session with a group can be ended by another card, or one of the master pass;
            # for all others asking the central system would be of no use.
            authorizer = self._station.authorizer
            if session.parent is None and not authorizer.master:
                return "In use."
            verdict = await self._check(token, kind)
            if verdict.accepted and authorizer.is_master(verdict.parent):
                return self._end_by_master(token, kind, shown_at)
            if not verdict.accepted or not session.may_end(token, verdict.parent, kind):
                return "In use."
            if connector.session is not session or session.stopping:
                return "The session is ending."
        self._ended_by = (token, kind, self._clock.uptime_ms())
        connector.request_stop("local", token, kind)
        return "Session ended."

    def remote_start(self, token, connector, profile, kind, start_id, group):
        """Start for a token, at a connector or (None) the best free one. False if it cannot start.

        profile: a Profile (TX) for the session that this command begins. Where
        AuthorizeRemoteTxRequests is set the token is checked after this has returned.
        kind: ANY where the protocol tells none; it is recorded as "Central" then. start_id: the
        id of this command, recorded with the session; None where the protocol has none. group: of
        the token, as the command tells it; None: it does not.
        """
        station = self._station
        if station.resetting or bad_token(token):
            return False
        parent = group or station.authorizer.parent_of(token, kind)
        if connector is None:
            chosen = station.reservations.best(token, parent, False, kind)
        else:
            chosen = station.connector(connector)
        if chosen is None or not chosen.free or station.authorizer.is_master(parent):
            return False
        if not station.reservations.admits(chosen, token, parent, kind):
            # Only the central system may know the group of the token (section 5.13).
            if group or not station.reservations.asks_for_group(chosen):
                return False
        elif not station.settings.get("AuthorizeRemoteTxRequests"):
            now = self._clock.uptime_ms()
            return chosen.authorize(token, parent, now, kind, profile, start_id)
        station.spawn(self._remote_check(token, chosen, profile, kind, start_id, group))
        return True

    async def _remote_check(self, token, connector, profile, kind, start_id, group):
        verdict = await self._station.authorizer.check(token, kind)
        if not verdict.accepted:
            log.info("station", "remote start refused: %s", verdict.status)
            return
        now = self._clock.uptime_ms()
        parent = verdict.parent or group
        if self._station.authorizer.is_master(parent):
            log.info("station", "remote start refused: the token only ends sessions")
            return
        if verdict.only and connector.id not in verdict.only:
            log.info("station", "remote start refused: not at this connector")
            return
        if not connector.authorize(token, parent, now, kind, profile, start_id):
            log.info("station", "remote start refused: %s", connector.why)

    async def _check(self, token, kind):
        key = token.upper()
        self._asking.append(key)
        try:
            return await self._station.authorizer.check(token, kind)
        finally:
            self._asking.remove(key)
