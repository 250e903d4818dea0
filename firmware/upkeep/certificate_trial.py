# How the trial of a new certificate of the charger ends.
# MIT license; part of microevse
"""Loaded when a connection was accepted in it. See access_trial.py.

A certificate is given up after _ROUNDS rounds. In each somebody has refused it TRIES times,
and the one before was accepted then; or after one, if another certificate is wanted.
"""

from evse_base import const, log, release
from station import security_log

_ROUNDS = const(6)  # a day, four hours each


def judge(trial, settings, wanted):
    """`trial.certificate` has led to an accepted connection: the new one, or the one before.

    wanted: a request for another one is to be made (station/renewal.py).
    """
    from station import certificates, own_certificate

    try:
        if trial.certificate == own_certificate.TRIES:
            if trial.refused >= own_certificate.TRIES:
                trial.rounds += 1
                if trial.rounds == 1:
                    text = "the new certificate does not connect: the one before is in use again"
                    log.warn("security", "%s; the new one is tried again in 4 h", text)
                    security_log.note("own_certificate", text)
            trial.refused = 0
            if trial.rounds < (1 if wanted else _ROUNDS):
                return
        tries = security_log.sign_tries
        own_certificate.settle(settings, trial)
        if trial.certificate is None:
            trial.rounds = trial.refused = 0
            if wanted:  # now: a request was refused while this trial went on
                security_log.sign_at, security_log.sign_tries = 0, tries
    finally:
        certificates.dropped()
        release("upkeep.certificate_trial")
