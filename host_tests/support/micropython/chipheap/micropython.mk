# The module `chipheap` for the build of MicroPython's unix port (tools/frozen.py).
# MIT license; part of microevse
SRC_USERMOD_C += $(USERMOD_DIR)/chipheap.c $(USERMOD_DIR)/sysheap.c
CFLAGS_USERMOD += -I$(USERMOD_DIR)
