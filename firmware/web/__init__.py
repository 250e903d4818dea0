# The charger's page and its HTTP interface.
# MIT license; part of microevse
