"""Reads topics of Hadir over HTTP, with the standard library alone. Settings come from the environment:
docs/subscribe.md."""

import itertools
import json
import os
import signal
import sys
import time
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from state import State

HADIR = os.environ["HADIR_URL"].rstrip("/")
TOPICS = os.environ.get("HADIR_TOPICS", "coverage.changed.v1,record.disowned.v1").split(",")
WAIT_S = 10
NEEDS_SOMEBODY = {
    401: "ask for a new token",
    403: "the token may not read this topic",
    404: "there is no such feed",
}


def get(path, **query):
    """The answer, when there is one: who is away, or has too much to do, is asked again later."""
    asked = f"{HADIR}{path}?{urlencode(query)}"
    pauses = itertools.chain([1, 2, 5, 10], itertools.repeat(30))
    while True:
        asked_for = 0
        try:
            request = Request(asked, headers={"Authorization": f"Bearer {os.environ['HADIR_TOKEN']}"})
            with urlopen(request, timeout=WAIT_S + 30) as answer:
                return json.load(answer)
        except HTTPError as error:
            if error.code != 429 and error.code < 500:
                raise
            why, asked_for = error, int(error.headers.get("Retry-After") or 0)
        except (OSError, ValueError) as error:  # no connection, or half an answer
            why = error
        pause = max(next(pauses), asked_for)
        print(f"again in {pause} s: {why}", file=sys.stderr, flush=True)
        time.sleep(pause)


def page(state, topic, owner, wait):
    """Take one page in, and keep it with the place after it, in one piece; whether there was anything."""
    path, cursor = f"/{owner}/v1/feed/{topic}", state.cursors.get(topic)
    try:
        answer = get(path, limit=500, wait=wait, **({"cursor": cursor} if cursor else {}))
    except HTTPError as error:
        if error.code != 422 or not cursor:
            sys.exit(f"{topic}: {NEEDS_SOMEBODY.get(error.code, error)}: {error.read().decode(errors='replace')}")
        # The topic was made again, or lost its oldest records: what is known stays, and all is read again.
        print(f"{topic} from its beginning: {error.read().decode(errors='replace')}", file=sys.stderr, flush=True)
        del state.cursors[topic]
        return True
    for event in answer["items"]:
        state.take_cloudevent(topic, event)
    if answer["next"] != cursor:  # also after records that are in no feed
        state.cursors[topic] = answer["next"]
        state.save()
    return bool(answer["items"])


def follow():
    state = State("state.json", "feed")
    owners = {name: channel["x-owner"] for name, channel in get("/events/asyncapi.json")["channels"].items()}
    if unknown := set(TOPICS) - set(owners):
        sys.exit(f"there is no topic {', '.join(sorted(unknown))}; there are {', '.join(sorted(owners))}")
    wait = 0
    while True:
        # Where nothing comes, one topic is waited for, and the others are looked at in between.
        came = [page(state, topic, owners[topic], wait if topic == TOPICS[0] else 0) for topic in TOPICS]
        wait = 0 if any(came) else WAIT_S


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
try:
    follow()
except KeyboardInterrupt:
    pass
