# As footprint.mjs, on the unix port: imports modules and says what each takes of the heap.
# MIT license; part of microevse
"""usage: micropython footprint_child.py JOB.json"""

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


def used():
    gc.collect()
    return gc.mem_alloc()


rows = []
last = used()
for name in job["order"]:
    __import__(name)
    now = used()
    rows.append([name, now - last])
    last = now
print(json.dumps({"rows": rows}))
