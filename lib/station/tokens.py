# Cards shown to the station: which connector they mean, and whether they start or end.
# MIT license; part of microevse
"""What happens when a token is presented."""

from .authorization import same_token

# A card held a moment too long must not start again what it has just ended.
SAME_CARD_MS = 5000


class Tokens:
    """Tokens presented to `station` by a reader, a page or a button."""

    def __init__(self, station, clock):
        self._station = station
        self._clock = clock
        self._asking = []  # tokens that are being checked
        self._ended_by = (None, 0)  # token that ended a session, and when

    async def present(self, token, connector):
        """A card was shown (at `connector`, if known). Returns a sentence for the driver."""
        token = token.strip()
        if not token:
            return "No card."
        if self._station.resetting or self._station.recovering:
            return "Restarting."
        stopped, when = self._ended_by
        if same_token(stopped, token) and self._clock.uptime_ms() - when < SAME_CARD_MS:
            return "Session ended."
        chosen = self._station.connector(connector) if connector else self._choose(token)
        if chosen is None:
            return "No free connector."
        if chosen.session is not None:
            return await self._token_during_session(chosen, token)
        if chosen.release_cable(token):
            return "The cable is yours again."
        if chosen.waits_for(token):
            return "Accepted: plug in."
        if not chosen.free:
            return chosen.why
        reservations = self._station.reservations
        parent = self._station.authorizer.parent_of(token)
        if not reservations.admits(chosen, token, parent):
            if not reservations.asks_for_group(chosen):
                return chosen.why
        if token.upper() in self._asking:
            return "One moment."
        verdict = await self._check(token)
        if not verdict.accepted:
            return "Not accepted: %s." % verdict.status
        parent = verdict.parent or parent
        if not connector and not reservations.admits(chosen, token, parent):
            chosen = reservations.best(token, parent, True) or chosen
        if not chosen.authorize(token, parent, self._clock.uptime_ms()):
            return chosen.why
        return "Accepted."

    def _choose(self, token):
        """The connector a card shown anywhere is meant for."""
        for connector in self._station.connectors:
            session = connector.session
            if session is not None and same_token(session.token, token):
                return connector
        for connector in self._station.connectors:
            if same_token(connector.kept_for, token) or connector.waits_for(token):
                return connector
        reservations = self._station.reservations
        free = reservations.best(token, self._station.authorizer.parent_of(token))
        if free is not None:
            return free
        # With nothing free the card can only end a session of its group.
        for connector in self._station.connectors:
            if connector.session is not None and connector.session.parent:
                return connector
        return self._station.connectors[0] if self._station.connectors else None

    async def _token_during_session(self, connector, token):
        session = connector.session
        if session.stopping:
            return "The session is ending."
        if not same_token(token, session.token):
            # Only a session with a group can be ended by another card; for all others
            # asking the central system would be of no use.
            if session.parent is None:
                return "In use."
            verdict = await self._check(token)
            if not verdict.accepted or not session.may_end(token, verdict.parent):
                return "In use."
            if connector.session is not session or session.stopping:
                return "The session is ending."
        self._ended_by = (token, self._clock.uptime_ms())
        connector.request_stop("local", token)
        return "Session ended."

    async def _check(self, token):
        key = token.upper()
        self._asking.append(key)
        try:
            return await self._station.authorizer.check(token)
        finally:
            self._asking.remove(key)
