// Reads an AsyncAPI document and answers what the official parser says of it: {version, channels, diagnostics}.
const { Parser } = require("@asyncapi/parser");

let said = "";
process.stdin.on("data", (piece) => (said += piece));
process.stdin.on("end", async () => {
  const { document, diagnostics } = await new Parser().parse(said);
  process.stdout.write(JSON.stringify({
    version: document?.version(),
    channels: document?.channels().all().map((channel) => channel.address()),
    diagnostics: diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path: path.join(".") })),
  }));
});
