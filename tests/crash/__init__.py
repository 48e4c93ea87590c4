"""Processes of the hub die at random moments while agencies work; afterwards the history of what happened is checked."""
