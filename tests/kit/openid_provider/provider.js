// One real provider of OpenID Connect on a port of 127.0.0.1 or localhost. Told what to be as one JSON line on
// standard input; says "ready" when it listens. Its own development pages sign people in by name alone.
import { createInterface } from "node:readline";
import * as oidc from "oidc-provider";

const [line] = await new Promise((done) => {
  createInterface({ input: process.stdin }).once("line", (text) => done([text]));
});
const given = JSON.parse(line);
if (given.clock_off_s) {
  const now = Date.now;
  Date.now = () => now() + given.clock_off_s * 1000;
}
const claims = ["sub", "groups", "employee_id", "opd", "preferred_username", "acr", "auth_time"];
const provider = new oidc.Provider(given.issuer, {
  clients: given.clients,
  jwks: { keys: given.keys },
  cookies: { keys: ["for tests"] },
  claims: { openid: claims },
  conformIdTokenClaims: false,
  ttl: { IdToken: 300 },
  acrValues: given.acr_values ?? [],
  features: { devInteractions: { enabled: true }, userinfo: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  pkce: { required: () => true },
  findAccount: (_, sub) => ({
    accountId: sub,
    claims: (use) => ({ sub, ...(given.accounts[sub] ?? {}), ...(use === "userinfo" ? given.userinfo?.[sub] : {}) }),
  }),
  ...given.more,
});
provider.listen(given.port, given.host, () => console.log("ready"));
