# IEC 61851-1 Mode 3, the charger's side: pure Python, no hardware.
# MIT license; part of microevse
"""Volts on the control pilot become a decision about the contactor, in four steps:

    samples of the ADC -> plateau.Plateau -> levels.Observer -> evse.Evse -> contactor

`duty` turns amperes into PWM duty, `proximity` a cable's resistor into its rating.

Words of these files:

    A, B, C, D      no EV; an EV; it asks for energy; it asks and needs ventilation
    E, F            no voltage; -12 V: the charger is not available
    x1, x2          a state with steady +12 V (B1); a state with PWM: current is offered (B2)
    S2              switch in the EV: closed it asks (C, D), open it does not (B)
    BCB toggle      the EV shows B, C, B to be noticed: it wants no energy
    tick            the timer's call, every 10 ms
    window          one look at the pilot: samples of 4 ms (four periods; above 63 A 8 ms)
    plateau         upper or lower voltage of the square wave, without edges and spikes
    dt, seen_ms     ms from the end of the last window to that of this one; how much of it counts
    gap_ms          ms from the beginning of the last window to that of this one
    duty, share_pm  share of a period in which the pilot is high; the same in per mille
    run, Streak     windows in a row that show the same, and for how long
    sure            the duty that comes back is the one that was sent
    latched         of a fault: it stays until it is cleared by name
    closing         the time from closing the contactor to its opening
    guard           hardware beside the chip that opens the contactor when the program stalls
    soft interrupt  a function that MicroPython calls between two bytecodes, not at once
"""
