# SignCertificate: the charger asks for a certificate of its own.
# MIT license; part of microevse
"""OCPP 1.6 security whitepaper edition 3, A02 and A03: see station.renewal."""

from evse_base import before_import, release


async def begin(point):
    """Something is due (station/renewal.py): see what, and begin it."""
    await before_import()
    from ocppj import certificate_messages
    from station import renewal

    release("ocppj.certificate_messages")

    async def send(csr):
        return await certificate_messages.sign(point.call, {"csr": csr})

    await renewal.run(point.settings, point.clock, send)
