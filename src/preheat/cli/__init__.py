"""Floor 6: the command line, one file a command. Data goes to standard output, notes to standard error."""
