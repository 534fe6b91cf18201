"""Whole branches in one process, driven by one seed: the production code with a simulated world.

Real are vault, protocol, projection, operations, the requests' routes and the signed client, on
real SQLCipher files and a real PostgreSQL. Simulated are time, the network, the power and the
people. Everything runs in one thread, so that a seed always gives the same run. Nothing in here
repairs or decides anything for the programs: it drives them, breaks what is around them, and looks.

`plan` draws the steps, `runner` takes them, `verbs` is what a step can be, `checks` what must hold
afterwards, `shrink` the shortest way to a failure.
"""
