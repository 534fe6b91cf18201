"""Who stands at the till: signing in by PIN, changing over, and a supervisor's approval.

PINs are checked here, without any network, and wrong ones are counted in the vault.
"""
