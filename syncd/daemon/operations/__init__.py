"""One step per file: greet a store, send to it, fetch from it, choose which one.

No input or output and no clock but what is passed in, so that a simulation runs these very steps.
"""
