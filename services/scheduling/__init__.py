"""Directory, calendar, rules, policies and plans."""
