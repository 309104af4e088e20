// An identity provider on loopback for the tests: a certified implementation, with people who need no password.
//
// Says its issuer on the first line of stdout. Each line of stdin is a command: `rotate` gives it other keys. It ends
// with its input.
import { createServer } from "node:http";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const options = JSON.parse(process.argv[2] ?? "{}");
const people = options.people ?? {};

function keys() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { keys: [{ ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" }] };
}

function provider(issuer) {
  const made = new Provider(issuer, {
    jwks: keys(),
    clients: [
      {
        client_id: "whale",
        client_secret: "a-client-secret-of-the-tests",
        // Native, because only then the port of a loopback address does not matter (RFC 8252 section 7.3).
        application_type: "native",
        redirect_uris: ["http://127.0.0.1/login/callback"],
        token_endpoint_auth_method: "client_secret_basic",
      },
    ],
    claims: { openid: ["sub"], profile: ["preferred_username", "groups"], email: ["email", "email_verified"] },
    conformIdTokenClaims: options.claimsOnRequest ?? true,
    cookies: { keys: ["tests"] },
    pkce: { required: () => true },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
  });
  return made.callback();
}

let answer;
const server = createServer((request, response) => answer(request, response));
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  console.warn = console.info = () => {};
  answer = provider(issuer);
  process.stdout.write(`${issuer}\n`);
  const commands = createInterface({ input: process.stdin });
  commands.on("line", (line) => {
    if (line === "rotate") answer = provider(issuer);
    process.stdout.write(`${line}\n`);
  });
  commands.on("close", () => process.exit(0));
});
