"""Kafka, PostgreSQL and the services as local processes, without Docker."""
