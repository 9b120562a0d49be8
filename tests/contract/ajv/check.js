// Reads {schemas: {name: schema}, cases: [[name, value]]} and answers [valid, ...]; a schema that ajv does not take
// cleanly, in strict mode, is an error.
const Ajv = require("ajv/dist/2020");
const formats = require("ajv-formats");

let said = "";
process.stdin.on("data", (piece) => (said += piece));
process.stdin.on("end", () => {
  const { schemas, cases } = JSON.parse(said);
  const complain = (...words) => { throw new Error(words.join(" ")); };
  const ajv = new Ajv({ strict: true, logger: { log: complain, warn: complain, error: complain } });
  formats(ajv);
  const checks = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, ajv.compile(schema)]));
  process.stdout.write(JSON.stringify(cases.map(([name, value]) => checks[name](value))));
});
