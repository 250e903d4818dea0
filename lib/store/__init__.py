# Durable storage: CBOR, a log on raw NOR flash, the journal of what must never be lost.
# MIT license; part of microevse
