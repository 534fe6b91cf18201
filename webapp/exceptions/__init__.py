"""The inbox of what the system accepted and a person should see."""
