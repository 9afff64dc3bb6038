"""L^p-nested laws, and the trees that say how they are nested."""
