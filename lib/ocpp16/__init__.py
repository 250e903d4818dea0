# OCPP 1.6-J on top of station/ and ocppj/.
# MIT license; part of microevse
