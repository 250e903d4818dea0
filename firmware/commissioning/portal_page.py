# The set-up page, filled in.
# MIT license; part of microevse
"""`render` reads web/static/setup.html line by line: sections begin with [[?form]], [[?trying]],
[[?done]] or [[?all]], and [[...]] is replaced. It works without scripts, in the small browser
that a phone opens for a network which wants something."""

from commissioning.portal_form import escape

_STATES = ("form", "trying", "done")
LABELS = {
    "WifiSsid": "Network",
    "WifiPassword": "WiFi password",
    "MaxCurrent": "Maximum current",
    "CentralSystemURI": "Address of the central system",
    "ChargePointId": "Identity",
    "BasicAuthPassword": "Password for the central system",
    "CaFile": "CA certificate",
    "WebPassword": "Password of the page",
}
_AMPS = (6, 8, 10, 13, 16, 20, 25, 32, 40, 48, 63, 80)
_UNCHANGED = "(empty: unchanged)"


def render(session, peer):
    """Iterate the page as text. peer: only who typed the passwords is shown them again."""
    page = _Page(session, peer)
    place = __file__.replace("\\", "/").rpartition("commissioning/")[0]
    wanted = _STATES[session.state]
    part = "all"
    with open(place + "web/static/setup.html") as f:
        for line in f:
            if line.startswith("[[?"):
                part = line[3:].partition("]")[0]
            elif part in ("all", wanted):
                yield from page.line(line)


class _Page:
    def __init__(self, session, peer):
        self._session = session
        self._own = peer == session.owner

    def line(self, line):
        while True:
            before, mark, rest = line.partition("[[")
            yield before
            if not mark:
                return
            name, _, line = rest.partition("]]")
            name, colon, field = name.partition(":")
            if colon:
                yield getattr(self, "_" + name)(field)
            else:
                yield from getattr(self, name)()

    # -- one field: value, attributes, error ---------------------------------------------------

    def _value(self, name):
        session = self._session
        if self._own and name in session.values:
            return session.values[name]
        return "" if name == "Ca" else session.text(name)

    def _v(self, name):
        return escape(self._value(name))

    def _a(self, name):
        if name in self._session.errors:
            return ' aria-invalid="true" aria-describedby="e-%s"' % name
        return ""

    def _sentence(self, name):
        text = self._session.errors[name]
        if name in LABELS and text.startswith(name):
            text = LABELS[name] + text[len(name) :].replace(" :", ":", 1)
        return escape(text if text.endswith(".") else text + ".")

    def _e(self, name):
        if name in self._session.errors:
            return '<p class="err" id="e-%s">%s</p>' % (name, self._sentence(name))
        return ""

    # -- the rest --------------------------------------------------------------------------------

    def errors(self):
        errors = self._session.errors
        if errors:
            yield '<section class="bad" role="alert"><h2>Not saved yet</h2><ul>'
            for name in sorted(errors):
                text = self._sentence(name)
                if name:
                    target = "Ca" if name == "CaFile" else name
                    text = '<a href="#%s">%s</a>' % (target, text)
                yield "<li>%s</li>" % text
            yield "</ul></section>"

    def networks(self):
        chosen = self._value("WifiSsid")
        row = '<label class="row"><input type="radio" name="WifiSsid" value="%s"%s><span>%s</span>'
        found = False
        for name, dbm, secured in self._session.networks:
            text = escape(name)
            found = found or name == chosen
            yield row % (text, " checked" if name == chosen else "", text)
            how = "strong" if dbm >= -60 else "good" if dbm >= -70 else "weak"
            yield "<small>%s%s</small></label>\n" % (how, "" if secured else ", open")
        # Hidden ones, and those that were not heard.
        yield row % ("", "" if found or not chosen else " checked", "Another network")
        yield (
            '</label><input id="WifiSsid" name="OtherSsid" aria-label="Name of another network"'
            ' maxlength="32" autocapitalize="none" autocorrect="off" spellcheck="false"'
            ' placeholder="its name" value="%s"%s>'
            % ("" if found else escape(chosen), self._a("WifiSsid"))
        )

    def amps(self):
        chosen = self._value("MaxCurrent")
        yield '<option value="">Choose</option>'
        limit = self._session.max_a
        for value in sorted(set(_AMPS + (limit,))):
            if value <= limit:
                mark = " selected" if str(value) == chosen else ""
                yield "<option value=%d%s>%d A</option>" % (value, mark, value)

    def free(self):
        session = self._session
        if self._own and session.values:
            on = session.values.get("FreeMode")
        else:
            on = session.text("FreeMode") == "true"
        yield " checked" if on else ""

    def capublic(self):
        session = self._session
        if self._own and session.values:
            on = session.values.get("CaPublic")
        else:
            on = (session.settings.text("CaFile") + "/").startswith("public/")
        yield " checked" if on else ""

    def caopen(self):
        yield " open" if "CaFile" in self._session.errors or self._value("Ca") else ""

    def keep(self):
        yield "" if self._session.first else _UNCHANGED

    def keepwifi(self):
        yield "" if self._session.first else "<small>(empty: unchanged if the network is)</small>"

    def keepweb(self):
        yield _UNCHANGED if self._session.settings.text("WebPassword") else ""

    def refresh(self):
        session = self._session
        if session.state:
            # While it tries: soon; then for the state of the central system, as long as we are.
            wait = 2 if _STATES[session.state] == "trying" else 5
            yield '<meta http-equiv="refresh" content="%d">' % wait

    def name(self):
        yield escape(self._session.name)

    def maxa(self):
        yield str(self._session.max_a)

    def host(self):
        yield escape(self._session.link.name)

    def ap(self):
        yield escape(self._session.ap_address)

    def ssid(self):
        session = self._session
        yield escape(session.values.get("WifiSsid") or session.settings.text("WifiSsid"))

    def address(self):
        self._session.read = True
        yield escape(self._session.address)

    def button(self):
        if self._session.button:
            yield " To open it again hold the charger's button for 10 seconds."

    def label(self):
        session = self._session
        key = session.upcoming()
        if _STATES[session.state] == "done":
            key = session.label if self._own else ""
        if key:
            yield (
                "<p>Write this down, for the next time: password of the network %s</p>"
                '<p class="big">%s</p>' % (escape(session.name), key)
            )

    def csms(self):
        central = self._session.central
        if not self._session.settings.text("CentralSystemURI"):
            yield "none; charging is free for anyone who plugs in."
        elif central.accepted:
            yield "connected, and the charger is accepted."
        else:
            why = central.connection.last_error
            yield escape("not connected yet%s." % (": " + why if why else ""))
