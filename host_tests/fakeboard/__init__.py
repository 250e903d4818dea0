# A board on a serial line, for the programs that put the firmware on one.
# MIT license; part of microevse
