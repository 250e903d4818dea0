# The name of a file with a log: whose it is, and when it was asked for.
# MIT license; part of microevse
"""Loaded with what sends a log: upload.py, log_upload.py."""

from evse_base import iso8601


def file_name(settings, clock, what=None):
    """The name of the file. what: which log it is, a word; None: not said in the name.

    Before the clock is set the name has the number of the start and the seconds since then.
    """
    # Letters of other alphabets are fine in an id and trouble in a file name.
    name = ""
    for c in settings.text("ChargePointId") or "charger":
        name += c if c < "\x7f" and (c.isalpha() or c.isdigit()) else "-"
    if what:
        name += "-" + what
    now = clock.now()
    if now is None:
        when = "boot%s-%d" % (clock.boot, clock.uptime())
    else:
        when = iso8601.format(now).replace(":", "").replace("-", "")
    return "%s-%s.txt" % (name, when)
