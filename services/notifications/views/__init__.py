"""What people read in notifications."""
