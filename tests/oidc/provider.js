// An identity provider on loopback for the tests: a certified implementation, with people who need no password.
//
// Says its issuer on the first line of stdout. Each line of stdin is a command: `rotate` gives it other keys. It ends
// with its input. With `jobs` in its options it also issues signed tokens to programs, as CI systems do to jobs: for the
// audience that is asked for as `resource`, with the claims of the job that is asked for as `scope`.
import { createServer } from "node:http";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const options = JSON.parse(process.argv[2] ?? "{}");
const people = options.people ?? {};
const jobs = options.jobs ?? {};

const forJobs = {
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, audience) => ({
        scope: Object.keys(jobs).join(" "),
        audience,
        accessTokenTTL: options.jobSeconds ?? 300,
        accessTokenFormat: "jwt",
      }),
    },
  },
  extraTokenClaims: (_, token) => jobs[token.scope],
};

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
      ...(options.jobs
        ? [
            {
              client_id: "runner",
              client_secret: "a-client-secret-of-the-tests",
              grant_types: ["client_credentials"],
              redirect_uris: [],
              response_types: [],
            },
          ]
        : []),
    ],
    claims: { openid: ["sub"], profile: ["preferred_username", "groups"], email: ["email", "email_verified"] },
    conformIdTokenClaims: options.claimsOnRequest ?? true,
    cookies: { keys: ["tests"] },
    ...(options.jobs ? forJobs : {}),
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
