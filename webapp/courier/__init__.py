"""Courier files from the back office: uploaded by a person, taken in by the worker."""
