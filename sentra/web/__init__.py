"""What the Flask apps share: the factory, errors, filters, fragments, headers, permissions, health.

Rule of this folder: it knows no program. Whatever belongs to one (its users, menu, routes) is
passed in. `factory.create_app` puts the parts together; `docs/design-system.md` tells the rest.
"""
