# Parts of tools/simulate.py.
# MIT license; part of microevse
