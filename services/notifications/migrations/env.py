from services.notifications.facts import Base
from shared.database import run_migrations

run_migrations(Base.metadata)
