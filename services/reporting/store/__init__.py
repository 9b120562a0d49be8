from services.reporting.store import facts, gone

__all__ = ["facts", "gone"]
