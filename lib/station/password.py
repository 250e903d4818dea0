# Which passwords a person may choose.
# MIT license; part of microevse
"""The one place that judges them, whoever sets one and by whatever way: `station.settings` asks it
for each setting of the type w. A module of its own, and its names are ones that are in the heap
anyway: a password in the provisioning file is judged at every start.

A password is tried over the network, a few per minute (web.login): it need not withstand more than
the lists with which everybody begins (ETSI EN 303 645, 5.1).
"""

from evse_base import const

# What everybody tries first counts nothing in a password: such words, and a character that follows
# its neighbour in one of these rows, in either direction, or repeats it. One text: the words of a
# tuple would stay in the heap as names.
_WORDS = const(
    "password passwort passw0rd microevse wallbox charger admin secret geheim welcome willkommen "
    "letmein iloveyou sunshine princess football dragon monkey master default"
)
_ROWS = const(
    "01234567890\nabcdefghijklmnopqrstuvwxyz\nqwertyuiop\nqwertzuiop\nasdfghjkl\nzxcvbnm\nyx"
)
_COUNT = const(6)  # characters that do count, at least
_DIFFERENT = const(5)


def key(settings, text, limits):
    """`text` if it may be a password, with limits "least..most" in characters. Empty: none at all.
    ValueError says what is wrong, without the password."""
    if not text:
        return text
    least, most = limits.split("..")
    if not all(32 <= ord(c) and ord(c) >> 11 != 27 for c in text):
        raise ValueError("printable characters only")
    if not int(least) <= len(text) <= int(most):
        raise ValueError("must have %s to %s characters" % (least, most))
    lower = text.lower()
    few = len(set(lower)) < _DIFFERENT
    for word in _WORDS.split():
        lower = lower.replace(word, "")
    size = len(lower)
    for i in range(len(lower) - 1):
        a, b = lower[i], lower[i + 1]
        size -= a == b or a + b in _ROWS or b + a in _ROWS
    if few or size < _COUNT:
        raise ValueError("too simple, it is guessed at once")
    return text
