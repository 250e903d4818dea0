# A charging station, without any protocol.
# MIT license; part of microevse
