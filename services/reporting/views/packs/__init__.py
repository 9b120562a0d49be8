"""The council's pack: one period's figures, each once, as a document to read and print and as tables beside it."""
