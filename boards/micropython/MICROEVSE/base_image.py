# What an application finds in this base image.
# MIT license; part of microevse
"""The number rises when an application begins to need what older base images do not have: other
frozen start code, an option of MicroPython, another version of `.mpy` files. Bundles carry the
number that they need (tools/bundle.py), and a charger takes none that needs a higher one than its
own. A base image is written by cable only.

    1    ROMFS, slots in the partition `romfs`; .mpy version 6
    2    public roots

Of firmware/roots.der the image has that with this CRC-32: an application with another one carries
its own, which comes first. ROOTS changes only with NUMBER: a bundle leaves these roots out, and a
charger whose base image has other ones would be without them.
"""

NUMBER = 2
ROOTS = 0x6DAED743
