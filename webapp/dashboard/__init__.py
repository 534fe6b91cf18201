"""Today at a glance: what was sold, compared with a week ago, and what needs a person.

Figures come from the roll-ups that the projection keeps, never from sale lines.
"""
