"""The command lines: one file per command. Nothing here but arguments, calls and printing."""
