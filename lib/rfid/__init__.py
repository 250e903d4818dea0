# Readers of identification tags.
# MIT license; part of microevse
