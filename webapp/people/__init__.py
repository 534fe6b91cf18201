"""People: who signs in here, who sells at which till, and what each may do."""
