"""The command line: a file for commands of a kind. Data goes to standard output, notes to standard error."""
