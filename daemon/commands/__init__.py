"""The commands, by what one does with them. Each imports what it needs when it is called."""
