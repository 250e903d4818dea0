# DataTransfer: vendor messages; this charge point knows none.
# MIT license; part of microevse
"""DataTransfer.req (OCPP 1.6 section 5.6)."""


async def data_transfer(point, payload):
    return {"status": "UnknownVendorId"}
