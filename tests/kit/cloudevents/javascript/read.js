// Reads {records: [{key, value, headers}], structured: [text]}, bytes in base64, and answers what the SDK makes of
// each. Headers come as text, as the SDK's types ask for; a client of Kafka's gives bytes, to be turned into text first.
const { HTTP, Kafka } = require("cloudevents");

const bytes = (text) => (text === null ? null : Buffer.from(text, "base64"));
const told = (read) => {
  try {
    const { id, type, source, specversion, subject, dataschema, datacontenttype, time, data } = read();
    return { id, type, source, specversion, subject, dataschema, datacontenttype, time, data: data ?? null };
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  }
};

let said = "";
process.stdin.on("data", (piece) => (said += piece));
process.stdin.on("end", () => {
  const { records, structured } = JSON.parse(said);
  const binary = records.map(({ key, value, headers }) => told(() => Kafka.toEvent({
    key: bytes(key).toString(),
    value: bytes(value),
    headers: Object.fromEntries(headers.map(([name, text]) => [name, bytes(text).toString()])),
  })));
  const whole = structured.map((body) => told(() => HTTP.toEvent({
    headers: { "content-type": "application/cloudevents+json" },
    body: bytes(body).toString(),
  })));
  process.stdout.write(JSON.stringify({ records: binary, structured: whole }));
});
