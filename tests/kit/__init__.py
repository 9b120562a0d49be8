"""What tests share: builders, running services, reading topics, waiting."""
