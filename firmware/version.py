# Version of this firmware.
# MIT license; part of microevse

VERSION = "0.1.0"
