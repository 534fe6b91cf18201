"""The pipeline between the branch and the cloud: a daemon beside each till, a service in the cloud.

`daemon` and `service` share only the kernel: what they agree on is the protocol. Neither imports
the other, and no cloud part is loaded on a till.
"""
