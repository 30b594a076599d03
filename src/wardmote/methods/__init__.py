"""Pure array functions: numbers in, numbers out. They know nothing of areas, files or studies."""
