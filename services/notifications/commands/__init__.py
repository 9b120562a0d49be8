"""What happens in notifications: people are told, read, and say what they want to hear."""
