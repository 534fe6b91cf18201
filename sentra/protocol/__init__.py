"""The journal and the feed as bytes: bytes in, bytes out.

No IO and no clock here: keys, instants and randomness are arguments. `entry` is one link of the
chain, `segment` what a terminal seals, `envelope` what one request carries, `feed` what comes
down, `signing` and `enrolment` how devices prove themselves, `messages` what the requests say.
"""
