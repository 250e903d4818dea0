# What a charging station is, without any protocol.
# MIT license; part of microevse
