"""Read a book project: configuration, chapters' text, the check of the closed subset."""
