"""Branches and what stands in them: codes that enrol devices, tills and routers as they are."""
