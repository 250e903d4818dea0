# Lamps and buttons: what a person at the charger sees and presses.
# MIT license; part of microevse
