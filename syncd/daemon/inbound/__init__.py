"""What wakes the daemon: changes of the vault's log, a timer, a store's stream, a signal."""
