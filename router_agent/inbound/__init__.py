"""Whatever wakes the router: a till's request, the timer, a word from the cloud."""
