"""The control page: cut and mend each link, and watch the backlog grow and drain."""
