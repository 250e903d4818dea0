# Moves what is secret into the region for it: out of the journal, and out of config.json.
# MIT license; part of microevse
"""At the first start with this version, or when its trial is over (upkeep/trial.py). Loaded then,
and dropped."""

import json
import os

from evse_base import log
from config import provisioning

PATH = "config.json"


def move(settings):
    """True if nothing secret is in the journal and in config.json any more. Every contactor must
    be open. It may be cut anywhere: the next start does what is left."""
    from station import secret_settings

    return secret_settings.move(settings) and _out_of_the_file(settings)


def _out_of_the_file(settings):
    try:
        config = provisioning(PATH)
        values = config.get("settings", {})
        found = [n for n in values if n in settings.declared() and settings.is_secret(n)]
        if not found:
            return True
        from station import secret_settings

        secret_settings.adopt(settings, {name: values.pop(name) for name in found})
        # Renamed when complete: a power cut leaves the old file or the new one.
        with open(PATH + ".new", "w") as file:
            json.dump(config, file)
        os.rename(PATH + ".new", PATH)
    except Exception as exc:
        log.error("vault", "secrets stay in %s: %r", PATH, exc)
        return False
    return True
