# The label of a charger: its own network's name and password, as text and as a picture.
# MIT license; part of microevse
"""`make flash` draws the secret of a new charger, so that it knows the password before the charger
does. The secret is random (secrets.token_hex); nothing of it can be derived from what the radio
sends (commissioning/label.py). The files are for their owner alone (mode 0600).
"""

import os
import pathlib
import secrets
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
for _folder in (ROOT / "firmware", ROOT / "lib"):
    if str(_folder) not in sys.path:
        sys.path.append(str(_folder))

from commissioning.label import password, unit_name  # noqa: E402

FOLDER = ROOT / "build" / "labels"
_MM = 1.0  # one module of the code; smaller ones are hard to read from a dusty label
_QUIET = 4  # modules of white around it, ISO/IEC 18004


def draw():
    """A new secret for the setting SetupKey."""
    return secrets.token_hex(16)


def network(unit, secret):
    """(name, password) of the charger whose chip has the id `unit` (hex)."""
    return unit_name(unit), password(unit, secret)


_TEXT = """\
Set-up network of this charger

    WiFi      %s
    password  %s
    page      http://192.168.4.1/

It opens at power-on until the charger knows a WiFi network, and whenever the button is
held for 10 s. Keep this label out of sight: who has it can set up the charger.
"""


def text(name, key):
    """The label as text."""
    return _TEXT % (name, key)


def joining(name, key):
    """What a phone's camera understands as a network to join. Neither part has a character that
    would need an escape."""
    return "WIFI:T:WPA;S:%s;P:%s;;" % (name, key)


def svg(name, key):
    """The label as a picture; None where the package segno is missing."""
    try:
        import segno
    except ImportError:
        return None
    rows = [list(row) for row in segno.make(joining(name, key), error="m", micro=False).matrix]
    size = (len(rows) + 2 * _QUIET) * _MM
    dots = "".join(
        "M%g %gh%gv%gh-%gz" % ((x + _QUIET) * _MM, (y + _QUIET) * _MM, _MM, _MM, _MM)
        for y, row in enumerate(rows)
        for x, dark in enumerate(row)
        if dark
    )
    lines = ("WiFi: " + name, "password: " + key, "page: http://192.168.4.1/")
    words = "".join(
        '<text x="%g" y="%g">%s</text>' % (size + 1, size / 2 + 7 * (i - 1), line)
        for i, line in enumerate(lines)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="%(w)gmm" height="%(h)gmm" '
        'viewBox="0 0 %(w)g %(h)g"><rect width="%(w)g" height="%(h)g" fill="#fff"/>'
        '<path d="%(d)s"/><g font-family="monospace" font-size="4.5">%(t)s</g></svg>\n'
        % {"w": size + 90, "h": size, "d": dots, "t": words}
    )


def write(name, key, folder=None):
    """The files that were written: text, and picture where it can be made."""
    folder = pathlib.Path(folder or FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for suffix, content in ((".txt", text(name, key)), (".svg", svg(name, key))):
        if content is not None:
            path = folder / (name + suffix)
            # Never readable by others, not even for a moment: mkstemp makes it so.
            handle, temporary = tempfile.mkstemp(dir=folder)
            with os.fdopen(handle, "w") as file:
                file.write(content)
            os.replace(temporary, path)
            made.append(path)
    return made
