# The requests of a central system that are answered in OCPP 2.x, and which function answers which.
# MIT license; part of microevse
"""Rows of `ocppj.on_demand`."""

# action module.function. One text that is searched: as tuples it would be a KB of heap.
ACTIONS = """
GetBaseReport reports.get_base_report
GetReport reports.get_report
GetVariables variables.get_variables
SetVariables variables.set_variables
RequestStartTransaction remote.request_start
RequestStopTransaction remote.request_stop
"""
