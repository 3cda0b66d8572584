"""What the command line says of itself, all from one walk over the commands: man page, reference, completion."""
