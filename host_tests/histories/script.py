# A history that fails: made shorter, and printed so that it can be played again.
# MIT license; part of microevse

import json

from .play import play


def shorten(history, name, plays=150):
    """The same history with as few steps as still break the invariant `name`."""
    steps = list(history["steps"])
    size = max(1, len(steps) // 2)
    while plays and size:
        at = 0
        while at < len(steps) and plays:
            fewer = steps[:at] + steps[at + size :]
            plays -= 1
            if _breaks(dict(history, steps=fewer), name):
                steps = fewer
            else:
                at += size
        size //= 2
    return dict(history, steps=steps)


def _breaks(history, name):
    try:
        broken, _ = play(history)
    except Exception:
        return False  # a step that makes no sense without the one before it
    return broken is not None and broken.name == name


def text(history):
    """One step a line; JSON, which `load` takes."""
    head = {key: history[key] for key in history if key != "steps"}
    steps = ",\n  ".join(json.dumps(step) for step in history["steps"])
    return '{"setting": %s,\n "steps": [\n  %s]}' % (json.dumps(head), steps)


def load(written):
    """A history from what `text` gave."""
    read = json.loads(written)
    return dict(read["setting"], steps=read["steps"])
