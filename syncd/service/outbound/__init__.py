"""What the service reaches: PostgreSQL from native threads, Redis from greenlets."""
