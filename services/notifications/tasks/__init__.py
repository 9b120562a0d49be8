"""What time brings: deliveries, reminders, digests, and what is no longer needed."""
