# The only code that may import machine, esp32 and network.
# MIT license; part of microevse
