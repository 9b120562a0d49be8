"use strict";
// One line in: {secret, headers, body}; one line out: what the body says, or null where it is not believed.
const { Webhook } = require("standardwebhooks");

const lines = require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean);
for (const line of lines) {
  const { secret, headers, body } = JSON.parse(line);
  let said = null;
  try {
    said = new Webhook(secret).verify(body, headers);
  } catch (error) {
    if (error.name !== "WebhookVerificationError") throw error;
  }
  console.log(JSON.stringify(said));
}
