"""What the back office and the sync service share: the cloud's database, keys, feed and wakes.

Rule: functions here take a connection and the instant, work in the caller's transaction and never
commit; whoever opened the transaction decides. Nothing here knows a web framework, and no program
of a branch imports any of it.
"""
