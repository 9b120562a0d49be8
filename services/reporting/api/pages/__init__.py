"""Pages in a browser: the board, those of staff (`app`), and those of officers (`desk`)."""
