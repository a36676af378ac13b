// Checks assertions as a relying party would, with nothing of the gateway but its issuer URL.
//
// stdin:  {"issuer": URL, "cases": [{"name", "token" | "tokenURL", "audience", "typ"?, "keys": "remote" | "local"}]}
// stdout: [{"name", "ok", "code"?, "claims"?}]
import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from 'jose'
import { text } from 'node:stream/consumers'

const { issuer, cases } = JSON.parse(await text(process.stdin))
const discovery = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()
if (discovery.issuer !== issuer) throw new Error(`discovery names the issuer ${discovery.issuer}`)

const keys = {
  remote: createRemoteJWKSet(new URL(discovery.jwks_uri), { cooldownDuration: 0 }),
  local: createLocalJWKSet(await (await fetch(discovery.jwks_uri)).json()),
}

async function check({ name, token, tokenURL, audience, typ = 'biogate+jwt', keys: source }) {
  try {
    const jwt = token ?? (await (await fetch(tokenURL)).text())
    const { payload } = await jwtVerify(jwt, keys[source], {
      issuer,
      audience,
      typ,
      algorithms: discovery.id_token_signing_alg_values_supported,
      requiredClaims: typ === 'biogate+jwt' ? ['sub', 'exp', 'nbf', 'iat', 'jti', 'auth_time', 'acr', 'amr'] : ['sub', 'iat', 'jti'],
    })
    return { name, ok: true, claims: payload }
  } catch (error) {
    return { name, ok: false, code: error.code ?? String(error) }
  }
}

const results = []
for (const c of cases) results.push(await check(c)) // one after the other: a case may rotate the keys
console.log(JSON.stringify(results))
