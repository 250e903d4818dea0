# Modbus: the master side of the serial line protocol.
# MIT license; part of microevse
