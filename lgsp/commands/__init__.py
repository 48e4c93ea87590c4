"""What `lgsp` does on the command line, one module a command. Heavy packages are imported where they are used: help is quick."""
