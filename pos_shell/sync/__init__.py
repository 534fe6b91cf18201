"""What is not yet at the router and at the cloud: shown always, and only what is proved."""
