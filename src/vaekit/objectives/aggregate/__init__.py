"""Terms of the aggregate posterior."""
