# Set-up over the console: settings into the file and, where it is set up already, the journal.
# MIT license; part of microevse
"""From the prompt, with the application stopped:

    from commissioning import provision
    provision.setup(WifiSsid="Garage", WifiPassword="...", MaxCurrent="16")

The tool on the host (`tools/usb_setup.py`) does the same. Takes effect with the next start.
"""

import json
import os

from evse_base.clock import Clock
from commissioning.checks import refusals
from commissioning.label import password, secret_of, unit_name
from config import layer_values, provisioning
from hal import board, system
from hal.partition import Flash
from station.settings import Settings
from store.journal import Journal
from store.norlog import NorLog
from store.sectors import ForeignContent

PATH = "config.json"


def setup(**values):
    """Check and keep `values`; prints the result, or the mistakes (then nothing is kept)."""
    answer = apply(values)
    for name in sorted(answer["errors"]):
        print(answer["errors"][name])
    if not answer["errors"]:
        print("stored: " + ", ".join(sorted(values)))


def apply(values):
    """{"errors": {setting: why}, "label": [name, password] of the charger's own network}.

    Nothing is changed unless there are no errors. The label is None where there is no journal
    to keep its secret in: another one would be drawn at each start.
    """
    settings, kept = _settings()
    values = {name: str(values[name]) for name in values}
    errors = refusals(values, settings.text)
    label = None
    if not errors:
        if kept and "SetupKey" not in values:
            # Before the network is stored: a power cut then leaves no charger that is set up and
            # has no label; and one that was shown to a visitor of the phone's page is not taken.
            secret_of(settings)
        secret = []
        if settings.secured:
            # Not into the file: they have a region of their own.
            secret = [name for name in values if settings.is_secret(name)]
            for name in secret:
                if settings.set(name, values[name], True) not in ("accepted", "reboot"):
                    errors[name] = settings.reason
        if "SecurityProfile" in values:
            from upkeep import profile_floor

            if not profile_floor.lower(settings, int(values["SecurityProfile"])):
                errors["SecurityProfile"] = "SecurityProfile could not be stored"
        if errors:
            return {"errors": errors, "label": None}
        config = provisioning(PATH)
        kept_values = config.setdefault("settings", {})
        for name in values:
            if name in secret:
                kept_values.pop(name, None)
            else:
                kept_values[name] = values[name]
        # Renamed when complete: a power cut leaves the old file or the new one.
        with open(PATH + ".new", "w") as f:
            json.dump(config, f)
        os.rename(PATH + ".new", PATH)
        layer_values(settings.factory, kept_values)
        # A setting made since the file was written counts more than the file.
        for name in values:
            if kept and settings.text(name) != values[name]:
                if settings.set(name, values[name], True) not in ("accepted", "reboot"):
                    errors[name] = settings.reason
        if kept:
            chip = system.unique_id()
            label = [unit_name(chip), password(chip, secret_of(settings))]
    return {"errors": errors, "label": label}


def _vault():
    from wiring import vault

    return vault.opened(lambda: True)


def _settings():
    """(Settings of this charger, whether they have a journal)."""
    journal = None
    try:
        count = len(board.load()["connectors"])
        journal = Journal(NorLog(Flash("journal")), Clock(), count)
    except (ForeignContent, OSError) as exc:
        print("no journal:", exc)
    settings = Settings(journal, _vault)
    layer_values(settings.factory, provisioning(PATH).get("settings", {}))
    return settings, journal is not None
