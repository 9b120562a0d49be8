"""The command side of reporting: staff submit the day's work report, superiors review it."""
