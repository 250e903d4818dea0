# IEC 61851-1 Mode 3, the charger's side: pure Python, no hardware.
# MIT license; part of microevse
"""Volts on the control pilot become a decision about the contactor, in four steps:

    samples of the ADC -> plateau.Plateau -> levels.Observer -> evse.Evse -> contactor

`duty` turns amperes into PWM duty, `proximity` a cable's resistor into its rating.
"""
