"""Takes webhooks of Hadir. Settings come from the environment: docs/subscribe.md.

It speaks HTTP: what ends TLS stands in front of it.
"""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from state import State

SECRETS = [Webhook(secret) for secret in os.environ["HADIR_WEBHOOK_SECRET"].split()]
BATCH = "application/cloudevents-batch+json"
LARGEST = 256 * 1_000_000
"""Bytes: 200 events of at most 1 MB, and what is around them."""
STATE = State("state.json", "webhook")


class Receiver(BaseHTTPRequestHandler):
    timeout = 15  # seconds: who sends nothing keeps nobody else waiting for longer

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            return self.answer(413)
        body = self.rfile.read(length)
        if not believed(body, self.headers):
            return self.answer(401)
        if self.headers.get_content_type() == BATCH:
            for event in json.loads(body):
                STATE.take_cloudevent(event["type"], event)
            STATE.save()  # before the answer: what was answered is not sent again
        else:
            said = json.loads(body)
            print(said["type"], json.dumps(said["data"], ensure_ascii=False), flush=True)
        return self.answer(204)

    def answer(self, status):
        self.send_response(status)
        if status == 413:
            self.close_connection = True
        self.end_headers()


def believed(body, headers):
    """Whether it is signed by one of our secrets, and no older than five minutes. The bytes as they came."""
    for secret in SECRETS:
        try:
            secret.verify(body, dict(headers.items()))
        except (WebhookVerificationError, ValueError):  # not a signature at all
            continue
        return True
    return False


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
address, _, port = os.environ.get("HADIR_WEBHOOK_LISTEN", "127.0.0.1:8000").partition(":")
try:
    HTTPServer((address, int(port)), Receiver).serve_forever()
except KeyboardInterrupt:
    pass
