"""All SQL of the reporting service, by what it is for."""

from services.reporting.store import facts, gone, transitions, views

__all__ = ["facts", "gone", "transitions", "views"]
