# As footprint.mjs, on the unix port: imports modules and says what each takes of the heap.
# MIT license; part of microevse
"""usage: micropython footprint_child.py JOB.json

Prints {"rows": [[module, bytes]], "shapes": {module: shape}}, where a shape is what the module has
in itself: [names of its dict, functions, [[names of a class, its methods, has it a base]]].
"""

import sys

with open(sys.argv[1]) as _file:
    import json

    job = json.load(_file)

prepare = job["prepare"].replace("'/stubs'", repr(job["stubs"]))
if job["image"]:
    prepare = prepare.replace("'/image'", repr(job["image"]))
else:
    prepare = prepare.replace("'/rom", "'" + job["tree"])
scope = {}
exec(prepare, scope)
gc = scope["gc"]


def _generator():
    yield


FUNCTIONS = (type(lambda: 0), type(_generator))


def used():
    gc.collect()
    return gc.mem_alloc()


def functions(values):
    """How many of these are bytecode functions that have not been counted."""
    count = 0
    for value in values:
        if isinstance(value, FUNCTIONS) and id(value) not in counted:
            counted.add(id(value))
            count += 1
    return count


def shape(module):
    classes = []
    for value in module.__dict__.values():
        if isinstance(value, type) and id(value) not in counted and hasattr(value, "__dict__"):
            counted.add(id(value))
            own = value.__dict__
            based = bool(value.__bases__)
            classes.append([len(own), functions(own.values()), based])
    return [len(module.__dict__), functions(module.__dict__.values()), classes]


rows = []
last = used()
for name in job["order"]:
    __import__(name)
    now = used()
    rows.append([name, now - last])
    last = used()  # what this program keeps is no part of the next module
counted = set()
shapes = {name: shape(sys.modules[name]) for name in job["order"]}
print(json.dumps({"rows": rows, "shapes": shapes}))
