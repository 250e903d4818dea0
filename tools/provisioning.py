# The provisioning file of a charger, checked on the host.
# MIT license; part of microevse
"""`provision(values) -> text of config.json`; `Refused` names every setting that is refused."""

import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
for _folder in (ROOT / "firmware", ROOT / "lib"):
    if str(_folder) not in sys.path:
        sys.path.append(str(_folder))

from commissioning.checks import refusals  # noqa: E402

CA_WORDS = (
    "is the name of a file on the charger, such as ca.pem, or `public`. `make setup CA=FILE.pem` "
    "copies a file of this computer there, and sets CaFile"
)


class Refused(ValueError):
    """`errors`: {setting: sentence}; its text is all the sentences."""

    def __init__(self, errors):
        super().__init__("\n".join(errors[name] for name in sorted(errors)))
        self.errors = errors


def configuration(text):
    """The content of a config.json, with its "settings". ValueError if it is of another form."""
    try:
        config = json.loads(text or "{}")
    except RecursionError:
        raise ValueError("config.json is nested too deep") from None
    except ValueError as exc:
        raise ValueError("config.json is no JSON: %s" % exc) from None
    if not isinstance(config, dict):
        raise ValueError("config.json is no JSON object")
    if not isinstance(config.setdefault("settings", {}), dict):
        raise ValueError("config.json: settings: must be an object")
    return config


def provision(values, current="{}"):
    """Text of config.json with `values` {setting: text} over those of `current` (its text).

    Raises Refused, with the same checks as the charger's own set-up page; ValueError if
    `current` is no JSON object.
    """
    config = configuration(current)
    settings = config["settings"]
    errors = refusals(values, lambda name: str(settings.get(name, "")))
    if errors:
        raise Refused(errors)
    settings.update(values)
    return json.dumps(config, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def mistakes(values, whole=False):
    """{setting: sentence} of `values` {setting: text} that cannot be right, as far as this
    computer can tell: a charger that runs has other settings already.

    whole: it has none, as everything on it is erased.
    """
    wrong = refusals(values)
    if not whole:
        wrong = {name: why for name, why in wrong.items() if name in values}
    path = values.get("CaFile", "")
    if not (path + "/").startswith("public/") and ("/" in path or os.path.exists(path)):
        wrong["CaFile"] = "CaFile " + CA_WORDS
    for name in ("ClientCertFile", "ClientKeyFile"):
        path = values.get(name, "")
        if "/" in path and os.path.exists(path):
            wrong[name] = (
                "%s is the name of a file on the charger: copy it there with mpremote, and set "
                "its name without a folder (docs/certificates.md)" % name
            )
    return wrong


def pairs(words, ask=None):
    """{setting: text} of `Key=Value` words. ValueError for a word of another form.

    A value of `?` is asked for with `ask(prompt)`, and stays out of the shell's history.
    """
    values = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ValueError("%r is not Key=Value" % name)
        if value in ("?", "-") and ask:
            value = ask(name + ": ")
        values[name] = value
    return values
