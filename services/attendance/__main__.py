from services.attendance.app import create_app
from shared.service import run

run("attendance", create_app)
