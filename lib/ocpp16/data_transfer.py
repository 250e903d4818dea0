# DataTransfer: vendor messages, of which this charge point knows none.
# MIT license; part of microevse
"""DataTransfer.req (OCPP 1.6 section 5.6)."""


def handlers():
    """Table of the actions handled here."""

    async def data_transfer(payload):
        return {"status": "UnknownVendorId"}

    return {"DataTransfer": data_transfer}
