# Puts the parts of a board together, for app.py.
# MIT license; part of microevse
