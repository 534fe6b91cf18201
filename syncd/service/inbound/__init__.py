"""What wakes the service: one file for each request of the protocol. HTTP in, answers out."""
