# The settings of the station: typed, checked, kept in the journal.
# MIT license; part of microevse
"""Values of what `declarations` declares. Four layers, the upper one wins: values of this start
(`overlay`), values set since (journal), factory values of the provisioning file (`factory`),
defaults. What the station computes (`provide`) stands above all. Only others are resident."""

from evse_base import log
from store import kinds

from . import measurands
from .declarations import BLOB, fields, line
from evse_base import const, release

# Types with a form of their own, and what checks it: functions of setting_forms.
_FORMS = const("""
a address
e choice
k key
m measurand_list
p rotations
c sequence
x points
q sequence
v versions
z offset
""")

# These two settings are one password in two spellings: setting one of them forgets the other.
_PASSWORDS = const(("AuthorizationKey", "BasicAuthPassword"))


class Settings:
    """journal: see store.journal; None keeps values in RAM only (tests, set-up).

    vault: callable, gives the store.vault.Vault for what is secret; see secret_settings.py.
    """

    secured = False  # what is secret is in the vault: nothing of it goes into the journal any more

    def __init__(self, journal, vault=None):
        self.journal = journal
        self.vault = vault
        self._provided = {}
        self._overlay = {}
        self._stored, self._factory = {}, {}
        self.listeners = []
        self.reason = ""  # why the last `set` or check said no
        self.guard = None  # fn(name, value, local) -> why a good value cannot be set now, or None
        self.measurands = measurands.names()  # names that the fitted meters can give

        def load(payload):
            if self.keeps(*payload[:2]):
                self._stored[payload[0]] = payload[1]

        if journal is not None:
            journal.each(kinds.SETTING, load)
        if vault:
            from . import secret_settings

            secret_settings.load(self, self._stored)

    def keeps(self, name, value):
        """False for what flash has and does not count: a setting of another firmware, a value out
        of today's limits. A short key or a weak password, once allowed, goes on working."""
        declared = line(name)
        if not declared or not value or declared.split("|")[2] in "kw":
            return bool(declared)
        return self._check(name, value) is not None

    # -- reading -------------------------------------------------------------------------

    def text(self, name):
        """Value as text. KeyError if there is no such setting."""
        for layer in (self._provided, self._overlay, self._stored, self._factory):
            if name in layer:
                value = layer[name]
                return value() if callable(value) else value
        declared = fields(name)
        if declared[2] == "p":
            count = self.get("NumberOfConnectors")
            return ",".join(["%d.Unknown" % number for number in range(count + 1)])
        if declared[2] == "m":
            # The default leaves out what no fitted meter measures.
            return ",".join([w for w in declared[5].split(",") if w in self.measurands])
        return self.text(declared[5][1:]) if declared[5][:1] == "=" else declared[5]

    def get(self, name):
        """Value as bool, int, list of words or text. KeyError if there is no such setting."""
        kind = fields(name)[2]
        value = self.text(name)
        if kind == "i":
            return int(value)
        if kind in "bo":
            return value == "true"
        if kind in "mpcvq":
            return [word for word in value.split(",") if word]
        return value

    def access(self, name):
        """For the central system: "r", "rw", "w", or "" if it does not see this setting."""
        access = fields(name)[3]
        if access[0] == "-":
            return ""
        if name in self._provided:
            return "r"
        return "rw" if access[:2] == "rw" else access[0]

    def variable_access(self, name):
        """As `access`, for a central system that knows the setting as a variable."""
        own = fields(name)[3].partition("/")[2]
        return "r" if own and name in self._provided else own or self.access(name)

    def owner_access(self, name):
        """For the owner (page, provisioning): "r", "rw" or "w"."""
        access = fields(name)[3]
        if name in self._provided:
            return "r"
        if self.is_secret(name):
            return "w"
        return "rw" if "rw" in access or "l" in access else "r"

    def is_secret(self, name):
        """True for a setting that is never shown to anybody."""
        access = fields(name)[3]
        return "w" in access and "rw" not in access

    def declared(self):
        """Iterate the names of all settings."""
        at = 1
        while at < len(BLOB):  # split would take as much heap again
            yield BLOB[at : BLOB.index("|", at)]
            at = BLOB.index("\n", at) + 1

    def keys16(self):
        """Iterate the names that the central system may see or set, in a fixed order."""
        for name in self.declared():
            if fields(name)[3][0] != "-":
                yield name

    def find16(self, name):
        """The declared name of a key as the central system wrote it, None if it has none.

        Keys are compared without regard to case (CiString50Type, OCPP 1.6 section 7.16).
        """
        lower = name.lower()
        for known in self.keys16():
            if known.lower() == lower:
                return known
        return None

    def variable(self, name):
        """ "Component.Variable[instance]" of a setting, "" if it has none in 2.x."""
        return fields(name)[1]

    def unit(self, name):
        return fields(name)[6]

    def basic_auth_key(self, key=None, password=None):
        """Password for Basic authentication as bytes, None if there is none; of these values of
        its two settings, if they are given."""
        if key is None:
            key, password = self.text("AuthorizationKey"), self.text("BasicAuthPassword")
        if key:
            return bytes(int(key[i : i + 2], 16) for i in range(0, len(key), 2))
        return password.encode() if password else None

    # -- writing -------------------------------------------------------------------------

    def set(self, name, text, local=False, access=""):
        """Set and keep a value. local: by the owner (page, control), not the central system.
        access: what that one may, if it is not `access`. Returns "accepted", "reboot" (kept, takes
        effect after a reboot), "rejected" (bad value), "readonly" or "unknown"; `.reason` then
        says why. Nothing changes unless it is accepted."""
        self.reason = ""
        if line(name):
            access = access or (self.owner_access(name) if local else self.access(name))
        if not access or not line(name):
            self.reason = "%s: there is no such setting" % name
            return "unknown"
        if "w" not in access:
            self.reason = "%s cannot be set" % name
            return "readonly"
        value = self._check(name, text)
        if value is None:
            return "rejected"
        follows = fields(name)[5][:1] == "="  # until it is set, if only to the same value
        if self.text(name) != value or name in self._overlay or follows:
            self.reason = self.guard(name, value, local) or "" if self.guard else ""
            if self.reason or not self._keep(name, value):
                return "rejected"
            if value and name in _PASSWORDS:
                other = _PASSWORDS[1 - _PASSWORDS.index(name)]
                if self.text(other) and not self._keep(other, ""):
                    return "rejected"
            self._tell(name)
        return "reboot" if "!" in fields(name)[3] else "accepted"

    def _keep(self, name, value):
        if self._stored.get(name) != value and self.journal is not None:
            try:
                if self.secured and self.is_secret(name):
                    from . import secret_settings

                    secret_settings.keep(self, name, value)
                else:
                    self.journal.keep(kinds.SETTING, name, [name, value])
            except Exception as exc:
                self.reason = "%s could not be stored" % name
                log.error("settings", "%s: %r", self.reason, exc)
                return False
        self._stored[name] = value
        self._overlay.pop(name, None)
        return True

    def keep_own(self, name, value):
        """Keep a value of the station's own without telling the listeners. False: not stored."""
        return self.text(name) == value or self._keep(name, value)

    def factory(self, values):
        """Values of the provisioning file, below everything that was set since."""
        self._layer(self._factory, values)

    def overlay(self, values):
        """Values for this start only; they hide those of the journal until set again."""
        self._layer(self._overlay, values)
        for i, name in enumerate(_PASSWORDS):
            if values.get(name) and not values.get(_PASSWORDS[1 - i]):
                self._overlay[_PASSWORDS[1 - i]] = ""

    def _layer(self, layer, values):
        checked = {}
        for name in values:
            if not line(name):
                raise ValueError("%s: there is no such setting" % name)
            if name in self._provided or self.owner_access(name) == "r":
                raise ValueError("%s cannot be set" % name)
            value = self._check(name, str(values[name]))
            if value is None:
                raise ValueError(self.reason)
            checked[name] = value
        layer.update(checked)
        for name in checked:
            self._tell(name)

    def provide(self, name, value):
        """Fix a setting to a fact of the hardware or software: text, or callable giving it."""
        fields(name)
        self._provided[name] = value

    def offer_measurands(self, names):
        """Only these can be asked for from now on (of several connectors: what all have)."""
        self.measurands = [name for name in self.measurands if name in names]
        for name in self.declared():
            if fields(name)[2] == "m" and line(name + "MaxLength"):
                self._provided[name + "MaxLength"] = str(len(self.measurands))

    def on_change(self, fn):
        """`fn(name, value)` is called after each change, with the typed value; see `listeners`."""
        self.listeners.append(fn)

    def _tell(self, name):
        for fn in self.listeners:
            try:
                fn(name, self.get(name))
            except Exception as exc:
                # A listener's bug must not undo or hide a setting that is already stored.
                log.error("settings", "listener of %s: %r", name, exc)

    # -- checking ------------------------------------------------------------------------

    def _check(self, name, text):
        """The value in its canonical spelling, None (and `.reason`) if it is not allowed."""
        _, _, kind, _, limits, _, unit = fields(name)
        if not isinstance(text, str):
            self.reason = "%s must be text" % name
            return None
        value = None
        if kind == "o" and text != "true" and self.text(name) == "true":
            self.reason = "%s: only a flash by cable takes it back" % name
        elif kind in "bo":
            lower = text.lower()
            value = lower if lower in ("true", "false") else None
            self.reason = "%s must be true or false" % name
        elif kind == "i":
            least, most = limits.split("..")
            self.reason = "%s must be %s to %s %s" % (name, least, most, unit)
            # isdigit alone would let other alphabets' digits through on CPython.
            if text and len(text) <= 9 and all(c in "0123456789" for c in text):
                if int(least) <= int(text) <= int(most):
                    value = str(int(text))
        elif kind == "s":
            self.reason = "%s must be at most %s printable characters" % (name, limits)
            # Half of a surrogate pair is no text: it cannot be stored as UTF-8.
            if len(text) <= int(limits) and all(32 <= ord(c) and ord(c) >> 11 != 27 for c in text):
                value = text
        elif "\n%s " % kind in _FORMS:
            check = _FORMS.partition("\n%s " % kind)[2].partition("\n")[0]
            value = self._check_rare(name, text, check, limits)
        elif kind == "w":
            value = self._check_rare(name, text, None, limits)
        if value is not None:
            self.reason = ""
        self.reason = self.reason.rstrip()
        return value

    def _check_rare(self, name, text, check, limits=None):
        # Rarely set.
        if check:
            from . import setting_forms as forms
        else:
            from . import password as forms

        try:
            return getattr(forms, check or "key")(self, text, limits)
        except ValueError as exc:
            self.reason = "%s: %s" % (name, exc)
        finally:
            del forms
            release("station.setting_forms")
            release("station.password")
