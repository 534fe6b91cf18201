"""The branch router: takes sealed segments from several tills, keeps them, forwards them.

Read in the alphabet's order the folders are the flow: `inbound/` (tills' requests, the timer),
`operations/` (what is decided, pure), `outbound/` (the encrypted store, the cloud), `status/`
(the page for branch IT). A segment's bytes are never changed here.
"""
