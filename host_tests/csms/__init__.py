# The OCPP central system that tests and `make run` use.
# MIT license; part of microevse
"""`from csms import Csms, script`; see server.py."""

from . import script
from .server import CallError, Csms, Frame, Payload, matches, stamp
from .wire import Wire

__all__ = ["CallError", "Csms", "Frame", "Payload", "Wire", "matches", "script", "stamp"]
