"""The city board: one page for a browser, complete before any script runs, then kept live."""
