"""Whatever the router reaches: its encrypted store and the cloud."""
