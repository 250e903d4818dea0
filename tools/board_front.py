# Can the divider and the ADC of a board profile tell the pilot's states apart?
# MIT license; part of microevse
"""The rules about `cp`: its numbers, and the levels that front_end.py computes from them."""

import front_end
from board_keys import MOST_POINTS, RESIDUAL_PERMILLE


def calibration(cp, key, found):
    """`cal`: points [count of 65535, microvolts at the pin], as measured on the board."""
    if not 2500 <= cp["vcc_mv"] <= 5500:
        found.refuse(key + ".vcc_mv", "%d mV is no supply of the divider" % cp["vcc_mv"])
    if not 0 <= cp.get("residual_permille", RESIDUAL_PERMILLE) <= front_end.MOST_PERMILLE:
        found.refuse(key + ".residual_permille", "must be 0 to %d" % front_end.MOST_PERMILLE)
    if "cal" not in cp:
        return
    points = cp["cal"]
    good = 2 <= len(points) <= MOST_POINTS and all(
        isinstance(p, list) and len(p) == 2 and all(type(n) is int for n in p) for p in points
    )
    good = good and points[0][0] >= 0 and points[-1][0] <= 65535
    if not good or any(
        p[0] >= q[0] or p[1] >= q[1] for p, q in zip(points, points[1:], strict=False)
    ):
        found.refuse(
            key + ".cal",
            "must be two to %d points [count, microvolts], the lowest one first" % MOST_POINTS,
        )


def front_end_of(cp, key, chip, found):
    """The states over all tolerances, and the diode."""
    parts = cp["divider"]
    if len(parts) != 3 or not all(type(r) is int and r > 0 for r in parts):
        found.refuse(key + ".divider", "must be three resistances in ohms: pilot, supply, ground")
        return
    permille = cp.get("residual_permille", RESIDUAL_PERMILLE)
    if not 2500 <= cp["vcc_mv"] <= 5500 or not 0 <= permille <= front_end.MOST_PERMILLE:
        return  # `calibration` has reported it
    try:
        front = front_end.FrontEnd(cp, chip)
    except ValueError as exc:
        found.refuse(key + ".divider", "is no pilot front end: %s" % exc)
        return
    error = permille / 1000
    if front.slope > 0.5 or front.slope < 0.03:
        found.refuse(key + ".divider", "slope %.3f V/V is no pilot front end" % front.slope)
        return
    # B must stay below the full converter, or it would be A.
    least_a = front_end.THRESHOLDS[0] - front_end.HYSTERESIS_MV
    if front.pin_mv(least_a) > front.full_mv():
        found.amiss(
            key + ".divider",
            "+%.2f V is %d mV at the ADC, which is full at %d mV: saturated"
            % (least_a / 1000, front.pin_mv(least_a), front.full_mv()),
        )
    diode_mv = front.pin_mv(front_end.DIODE_MV)
    if not cp.get("diode_check", True):
        found.warn(
            "%s.diode_check: a shorted diode of an EV, or a resistor in its place, is taken for "
            "a car: -10 V is %d mV at the ADC" % (key, diode_mv)
        )
    elif diode_mv * (1 - error) < chip.floor_mv:
        found.refuse(
            key + ".divider",
            "-10 V is %d mV at the ADC, which sees nothing below %d mV: the EV's diode "
            "cannot be checked (diode_check = false says that this is known)"
            % (diode_mv, chip.floor_mv),
        )
    mixed = front.confused(error)
    if mixed:
        found.amiss(key + ".divider", mixed)
    elif chip.floor_mv and front.pin_mv(12000) > front_end.LINEAR_MV:
        found.warn(
            "%s.divider: +12 V is %d mV at the ADC, above its linear range of %d mV: calibrated "
            "by the chip's curve; A to D are told apart up to an error of %.1f %%, D and E up "
            "to %.1f %%"
            % (
                key,
                front.pin_mv(12000),
                front_end.LINEAR_MV,
                front.margin(3) / 10,
                front.margin() / 10,
            )
        )
