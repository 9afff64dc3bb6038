"""How recipes are made: of parts by name, tried before data are read."""
