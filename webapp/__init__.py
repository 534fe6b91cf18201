"""The back office: what managers, owners and bookkeepers read and decide.

One package per subject, named as the menu names it: `routes` take HTTP and give a template,
`queries` read into frozen dataclasses, `actions` write, one function per verb. A write goes through
`change.Change`, which publishes decisions, leaves the audit entry and commits all of it together.
`bootstrap.create_webapp` is the one place where the parts meet.
"""
