#!/usr/bin/env bash
# What: one JSON Schema, one value, two answers. A local time that was read from a file with its line end ("07:30\n") is
# valid for Python's jsonschema and invalid for ajv and for pydantic, though the schema says "^...$".
# Why it matters here: the golden schemas anchor times, dates and codes. A subscriber that checks with jsonschema takes a
# value that a subscriber in JavaScript, and the publisher, refuse.
# Versions: jsonschema 4.26.0 (Python's `re`: `$` also matches before a final line feed), ajv 8.20.0 (ECMAScript: only at
# the end), pydantic 2.12.5 (Rust's regex: only at the end). JSON Schema 2020-12, 6.4, asks for ECMA-262's dialect.
# Seen:
#   jsonschema valid
#   ajv invalid
#   pydantic invalid
# Needs python3 (venv) and npm; installs into a folder of its own and removes it.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv py
py/bin/pip install -q --disable-pip-version-check jsonschema==4.26.0 pydantic==2.12.5
npm install --silent --no-audit --no-fund ajv@8.20.0 >npm.log 2>&1

cat >schema.json <<'JSON'
{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$"}
JSON
printf '%s' '"07:30\n"' >value.json

py/bin/python - >seen <<'PY'
import json

from jsonschema import Draft202012Validator

schema, value = json.load(open("schema.json")), json.load(open("value.json"))
print("jsonschema", "valid" if Draft202012Validator(schema).is_valid(value) else "invalid")
PY
node - >>seen <<'JS'
const Ajv = require("ajv/dist/2020");
const [schema, value] = ["schema.json", "value.json"].map((name) => JSON.parse(require("fs").readFileSync(name)));
console.log("ajv", new Ajv().compile(schema)(value) ? "valid" : "invalid");
JS
py/bin/python - >>seen <<'PY'
import json
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError

pattern, value = json.load(open("schema.json"))["pattern"], json.load(open("value.json"))
try:
    TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)]).validate_python(value)
    print("pydantic valid")
except ValidationError:
    print("pydantic invalid")
PY

cat seen
diff <(printf '%s\n' 'jsonschema valid' 'ajv invalid' 'pydantic invalid') seen
