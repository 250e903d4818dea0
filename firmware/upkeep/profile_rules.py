# What the central system may make of SecurityProfile.
# MIT license; part of microevse
"""Loaded when the central system sets SecurityProfile (security whitepaper edition 3, 7.6): it can
only be raised, and what the new profile needs must be there. That it also works is found out by
trying: see access_trial.
"""

KEY_BYTES = 16  # security whitepaper edition 3, 7.2


def refusal(wanted, settings, config):
    """Why SecurityProfile cannot be raised to `wanted` now, None if it can."""
    now = settings.get("SecurityProfile")
    if wanted < now:
        return "SecurityProfile can only be raised: it is %d" % now
    return lacks(wanted, settings.basic_auth_key(), config)


def lacks(wanted, key, config):
    """What SecurityProfile `wanted` lacks with this password, None if nothing."""
    if 0 < wanted < 3 and len(key or b"") < KEY_BYTES:
        return "SecurityProfile %d needs an AuthorizationKey of %d bytes" % (wanted, KEY_BYTES)
    try:
        if wanted >= 2 and not config.ca_der:
            return "SecurityProfile %d needs CaFile, to know the server by" % wanted
        if wanted == 3 and not config.client_certificate():
            return "SecurityProfile 3 needs ClientCertFile and ClientKeyFile"
    except ValueError as exc:
        return "SecurityProfile %d: %s" % (wanted, exc)
    return None
