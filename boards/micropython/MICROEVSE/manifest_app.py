# The whole application frozen: one file to flash, no updates but of the firmware itself.
# MIT license; part of microevse
#
# boot.py and main.py are frozen, too; a file of the same name on the file system goes first.
include("manifest.py")
freeze("../../../lib", opt=2)
freeze("../../../firmware", opt=2)
