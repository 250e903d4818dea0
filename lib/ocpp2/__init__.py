# OCPP 2.0.1 and 2.1 on top of station and ocppj: one module per functional block.
# MIT license; part of microevse
