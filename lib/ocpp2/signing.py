# SignCertificate of OCPP 2.x: the charger asks for a certificate of its own.
# MIT license; part of microevse
"""A02 and A03: see station.renewal. It is the certificate that the charger shows to the central
system, and there is no other one (2.x has one for the car, too)."""

from evse_base import before_import, release


async def begin(point):
    """Something is due (station/renewal.py): see what, and begin it."""
    await before_import()
    from ocppj import certificate_messages
    from station import renewal

    release("ocppj.certificate_messages")

    async def send(csr):
        payload = {"csr": csr, "certificateType": "ChargingStationCertificate"}
        return await certificate_messages.sign(point.call, payload)

    await renewal.run(point.settings, point.clock, send)
