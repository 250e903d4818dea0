# Times of OCPP in whole seconds, as most central systems send them.
# MIT license; part of microevse

from datetime import datetime, timezone

_FORM = "%Y-%m-%dT%H:%M:%SZ"


def iso(unix):
    """Unix seconds as text."""
    return datetime.fromtimestamp(unix, timezone.utc).strftime(_FORM)


def unix(text):
    """Unix seconds of such a text; ValueError for any other form."""
    return int(datetime.strptime(text, _FORM).replace(tzinfo=timezone.utc).timestamp())
