from services.notifications.app import create_app
from shared.service import run

run("notifications", create_app)
