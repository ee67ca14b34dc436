"""One file per data set; the registry finds each by its file."""
