# DataTransfer: vendor messages; this station knows none.
# MIT license; part of microevse
"""DataTransfer of the central system (P01)."""


async def data_transfer(point, payload):
    """P01.FR.06: no vendor is known."""
    return {"status": "UnknownVendorId"}
