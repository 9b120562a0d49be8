"""Counts the punches of each employee and day with Quix Streams, in an environment of its own.

Arguments: bootstrap servers, topic, records, "changelog" or "local". Prints events a second from the first record
to the last commit, and the rate without that commit.
"""

import importlib
import json
import sys
import tempfile
import time
import uuid
from typing import Any


def main() -> None:
    bootstrap, topic, wanted, kind = sys.argv[1:]
    quixstreams: Any = importlib.import_module("quixstreams")  # it is in no environment of ours
    first = 0.0

    def count(punch: dict[str, Any], state: Any) -> int:
        nonlocal first
        first = first or time.perf_counter()
        # The state is that of the record's key, the employee.
        seen = state.get(punch["work_date"], 0) + 1
        state.set(punch["work_date"], seen)
        return seen

    with tempfile.TemporaryDirectory(prefix="hadir-bench-quix-") as folder:
        app = quixstreams.Application(
            broker_address=bootstrap,
            consumer_group=f"bench.quix.{uuid.uuid4()}",
            auto_offset_reset="earliest",
            state_dir=folder,
            use_changelog_topics=kind == "changelog",
            loglevel="WARNING",
        )
        app.dataframe(app.topic(topic, value_deserializer="json")).apply(count, stateful=True)
        processed = committed = 0.0
        context = app._processing_context  # it says nowhere when its last commit is done
        commit = context.commit_checkpoint

        def timed(force: bool = False, **more: Any) -> None:
            nonlocal processed, committed
            if force and not processed:
                processed = time.perf_counter()
            commit(force=force, **more)
            if force and not committed:
                committed = time.perf_counter()

        context.commit_checkpoint = timed
        app.run(count=int(wanted), collect=False)
    rate, counted = int(wanted) / (committed - first), int(wanted) / (processed - first)
    print(json.dumps({"events_per_s": rate, "processed_per_s": counted}))


if __name__ == "__main__":
    main()
