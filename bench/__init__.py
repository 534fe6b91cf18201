"""`sentra bench NAME`: what Sentra must reach, measured as ratios against a yardstick in one run.

It stands above the programs and runs their production code. A bench prints its table and ends
with status 0 when it ran, whether or not it met its reach; `--json` adds one object as last line.
"""
