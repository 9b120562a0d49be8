"""Which ways out of the house are open, as the settings say. A way that is not is *off*: nothing waits for it."""

from collections.abc import Callable, Mapping

from services.notifications.channels import ChannelOut, email, gateway, push, webhook
from services.notifications.domain.kinds import Way
from shared.settings import Settings

Opener = Callable[[Settings], ChannelOut | None]
"""Makes a channel; None where the settings lack what it needs. Opens no connection."""

OPENERS: dict[Way, Opener] = {
    "email": email.opened,
    "gateway": gateway.opened,
    "push": push.opened,
    "webhook": webhook.opened,
}


def channels_of(settings: Settings) -> Mapping[Way, ChannelOut]:
    """The channels that are configured."""
    return {way: channel for way, opener in OPENERS.items() if (channel := opener(settings)) is not None}
