"""What a subscriber keeps of Hadir's events, in whatever order and however often they come, and by whichever way.

The law: of the records about one thing, the one with the greatest (revision, ce_id) is in force; an event that is
disowned counts as never sent; a record without a value erases all that is known of its key. `identity.json` says
which fields name the thing a topic speaks of, where that is not the record's key alone.

It is all in one JSON file, written whole before offsets are committed or a webhook is answered. A real subscriber
has tables instead: with (topic, identity, ce_id) as the primary key this is an insert, and what is in force is a
view.
"""

import json
import os
import secrets
import sys
from pathlib import Path

DISOWNED = "record.disowned.v1"
IDENTITY = json.loads(Path(__file__).with_name("identity.json").read_text())


class State:
    def __init__(self, path, user):
        """`user` begins the group's name: access lists give a user the groups `<user>.<anything>`.

        The group is made with the file and kept in it: who deletes the file reads from the beginning again.
        """
        self.path = Path(path)
        kept = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.group = kept.get("group") or f"{user}.{secrets.token_hex(4)}"
        self.cursors = kept.get("cursors", {})  # topic -> how far it was read over HTTP
        self.records = kept.get("records", {})  # topic -> identity -> ce_id -> {revision, value}; None: erased

    def take(self, topic, key, value, headers):
        """Take one record in. `headers`: of name to bytes. Prints what is in force where that has changed."""
        of = {name: (text or b"").decode() for name, text in headers.items()}
        if of.get("ce_specversion") != "1.0" or of.get("ce_type") != topic or not of.get("ce_id"):
            return self._pass_over(topic, key, "of a type or version that this program does not know")
        known = self.records.setdefault(topic, {})
        if value is None:
            if known.get(key):
                print(topic, key, "erased", flush=True)
            known[key] = None
            return None
        try:
            event = json.loads(value)
            identity = "/".join(str(event[field]) for field in IDENTITY.get(topic, [])) or key
            revision = int(event.get("revision", 0))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return self._pass_over(topic, key, f"not what the contract says: {error!r}")
        if identity in known and known[identity] is None:
            return None  # an erasure ranks above every revision
        touched = [(topic, identity)]
        if topic == DISOWNED:
            others = self.records.get(event["topic"], {})
            touched += [(event["topic"], name) for name, held in others.items() if event["ce_id"] in (held or {})]
        before = [self.in_force(*one) for one in touched]
        known.setdefault(identity, {})[of["ce_id"]] = {"revision": revision, "value": event}
        for one, old in zip(touched, before, strict=True):
            new = self.in_force(*one)
            if new != old:
                print(*one, json.dumps(new, ensure_ascii=False) if new else "none", flush=True)
        return None

    def take_cloudevent(self, topic, event):
        """The same of an event in CloudEvents' JSON format, as the HTTP feed and webhooks have it."""
        headers = {f"ce_{name}": str(of).encode() for name, of in event.items() if name != "data"}
        value = json.dumps(event["data"]) if "data" in event else None
        self.take(topic, event.get("subject", ""), value, headers)

    def in_force(self, topic, identity):
        """The value that holds for one thing, or None."""
        held = (self.records.get(topic) or {}).get(identity) or {}
        ranked = [
            (record["revision"], ce_id) for ce_id, record in held.items() if not self._disowned(topic, ce_id)
        ]
        return held[max(ranked)[1]]["value"] if ranked else None

    def save(self):
        unfinished = self.path.with_suffix(".part")
        kept = {"group": self.group, "cursors": self.cursors, "records": self.records}
        unfinished.write_text(json.dumps(kept))
        os.replace(unfinished, self.path)

    def _disowned(self, topic, ce_id):
        said = self.in_force(DISOWNED, ce_id) if topic != DISOWNED else None
        return bool(said) and said["topic"] == topic and not said.get("revoked")

    @staticmethod
    def _pass_over(topic, key, why):
        print(f"passed over a record of {topic}, key {key}: {why}", file=sys.stderr, flush=True)
