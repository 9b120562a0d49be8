#!/usr/bin/env bash
# What: a CloudEvent without `time` (the attribute is optional) has one once the SDK for Python or for JavaScript has read it:
# the moment of reading, each time another. Handed on, it says so to everybody after. The SDK for Java leaves it without.
# Why it matters here: nothing tells when something happened from what a reader made up. Who orders
# or dates by `time` dates by when they read; the same event, read again from the beginning, has happened today.
# Hadir sends a time with each event, and takes no event without one.
# Versions: cloudevents 2.2.0 (Python; 1.12.0 too), cloudevents 10.0.0 (npm), cloudevents-json-jackson 4.0.1 (Java).
# Seen: an event of the JSON format without `time`, read twice and written again
#   Python: the times of two readings
#   JavaScript: the times of two readings
#   Java: no time
# Needs python3 from 3.11 on (venv), npm, a JDK from 17 on and Maven; installs into a folder of its own and removes it.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv py
py/bin/pip install -q --disable-pip-version-check cloudevents==2.2.0
npm install --silent --no-audit --no-fund cloudevents@10.0.0 >npm.log 2>&1
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>cloudevents</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>io.cloudevents</groupId><artifactId>cloudevents-json-jackson</artifactId><version>4.0.1</version>
  </dependency></dependencies>
</project>
XML
mvn -q -B dependency:copy-dependencies -DoutputDirectory=jars >mvn.log 2>&1

printf '%s' '{"specversion": "1.0", "id": "1", "source": "/gate", "type": "door.opened", "subject": "east"}' >event.json

cat >check.py <<'PY'
import time

from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_structured_event

sent = HTTPMessage({"content-type": "application/cloudevents+json"}, open("event.json", "rb").read())
for _ in range(2):
    print(to_structured_event(from_http_event(sent)).body.decode())
    time.sleep(1)
PY
cat >check.cjs <<'JS'
const { HTTP } = require("cloudevents");
const body = require("fs").readFileSync("event.json", "utf8");
const read = () => HTTP.toEvent({ headers: { "content-type": "application/cloudevents+json" }, body });
console.log(HTTP.structured(read()).body);
setTimeout(() => console.log(HTTP.structured(read()).body), 1000);
JS
cat >Check.java <<'JAVA'
import io.cloudevents.jackson.JsonFormat;
import java.nio.file.*;

public class Check {
    public static void main(String[] none) throws Exception {
        var format = new JsonFormat();
        for (int i = 0; i < 2; i++) {
            System.out.println(new String(format.serialize(format.deserialize(Files.readAllBytes(Path.of("event.json"))))));
            Thread.sleep(1000);
        }
    }
}
JAVA
cat >told.py <<'PY'
import json
import sys
from datetime import datetime, timedelta, timezone

times = [json.loads(line).get("time") for line in sys.stdin if line.startswith("{")]
assert len(times) == 2
if times == [None, None]:
    print("no time")
else:
    first, second = map(datetime.fromisoformat, times)
    now = datetime.now(timezone.utc)
    print("the times of two readings" if now - timedelta(minutes=5) < first < second <= now else f"{first}, {second}")
PY
{
  echo "Python: $(py/bin/python check.py 2>>errors | py/bin/python told.py)"
  echo "JavaScript: $(node check.cjs 2>>errors | py/bin/python told.py)"
  echo "Java: $(java -cp 'jars/*' Check.java 2>>errors | py/bin/python told.py)"
} | tee seen
diff - seen <<'SEEN' || { tail -5 errors; exit 1; }
Python: the times of two readings
JavaScript: the times of two readings
Java: no time
SEEN
