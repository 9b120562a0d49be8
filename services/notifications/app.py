"""The composition of the notifications service."""

from fastapi import FastAPI

from services.notifications import facts, handlers
from services.notifications.api import alerts, inbox, links, preferences, push, rules, subscriptions
from services.notifications.api import live as live_doors
from services.notifications.channels.email import EmailChannel
from services.notifications.channels.push import vapid_of
from services.notifications.channels.registry import channels_of
from services.notifications.channels.webhook import WebhookChannel
from services.notifications.commands import notices
from services.notifications.tasks import confirmations, counters, delivery, escalation, followed, reminders, upkeep
from services.notifications.tasks.live import follow_inboxes
from services.notifications.views.live import Live
from shared import audit_doors, repairs
from shared.audit import AuditRow
from shared.clock import Clock
from shared.message_key import MessageKey
from shared.service import Service, build
from shared.settings import Settings


def create_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    channels = channels_of(settings)
    vapid = vapid_of(settings)
    key = MessageKey.from_file(settings.message_key_file) if settings.message_key_file else None
    email = channels.get("email")
    confirming = {"confirmations": confirmations.asking(email)} if isinstance(email, EmailChannel) else {}

    webhook = channels.get("webhook")
    following = {"followed": followed.follower(webhook)} if isinstance(webhook, WebhookChannel) else {}

    def prepare(_: Service, app: FastAPI) -> None:
        app.state.live = Live()
        app.state.message_key = key
        app.state.vapid = vapid

    async def live(service: Service) -> None:
        await follow_inboxes(service, app.state.live)

    app = build(
        settings,
        routers=[
            alerts.router,
            inbox.router,
            links.router,
            live_doors.router,
            preferences.router,
            push.router,
            rules.router,
            audit_doors.router("/notifications/v1", AuditRow),
            subscriptions.router,
        ],
        handlers=handlers.router,
        tasks={
            "live": live,
            "upkeep": upkeep.keep_small,
            "escalation": escalation.carry_on,
            "reminders": reminders.remind,
            "counters": counters.watch,
            "repairs": repairs.task(facts.PROJECTION, notices.rejoin),
            **confirming,
            **following,
            "delivery": delivery.watch(channels),
            **{delivery.task_of(way): delivery.worker(channel) for way, channel in channels.items()},
        },
        clock=clock,
        prepare=prepare,
    )
    return app
