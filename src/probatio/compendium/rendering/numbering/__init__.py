"""Number a book and resolve what refers to the numbers; French typography; lists of figures and tables."""
