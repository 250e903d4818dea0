# The bench protocol: what is measured on a chip, and the file that carries it.
# MIT license; part of microevse
