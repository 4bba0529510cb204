"""How good is the output: measures on files, tables with their protocol, pictures."""
