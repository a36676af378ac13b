// A relying party as npm openid-client and jose make it: discovery, a verification at the gateway, the assertion's signature and
// claims, an assertion that is bound to a DPoP key, and introspection.
//
// stdin:  {"issuer": URL, "audience", "bound": audience with binding dpop, "subject", "capture": base64}
// stdout: {name: what was seen}
import { webcrypto } from 'node:crypto'
import { text } from 'node:stream/consumers'
globalThis.crypto ??= webcrypto // Node 18
const { allowInsecureRequests, discovery, None, tokenIntrospection } = await import('openid-client')
const { calculateJwkThumbprint, createRemoteJWKSet, EmbeddedJWK, exportJWK, generateKeyPair, jwtVerify, SignJWT } = await import('jose')

const { issuer, audience, bound, subject, capture } = JSON.parse(await text(process.stdin))
const config = await discovery(new URL(issuer), 'relying-party', undefined, None(), { execute: [allowInsecureRequests] })
const server = config.serverMetadata()
const keys = createRemoteJWKSet(new URL(server.jwks_uri))
const verifications = `${issuer}/v1/verifications`

async function verification(audience, headers = {}) {
  const captures = [{ modality: 'finger', position: 'right-index', data: capture }]
  const response = await fetch(verifications, {
    method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ subject, audience, captures }),
  })
  return response.json()
}

const check = async (token, audience) =>
  (await jwtVerify(token, keys, { issuer, audience, typ: 'biogate+jwt', algorithms: server.id_token_signing_alg_values_supported })).payload

const attempt = async (f) => { try { return await f() } catch (error) { return { refused: error.code ?? String(error) } } }

async function keyPair() {
  const pair = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(pair.publicKey)
  return { ...pair, jwk, thumbprint: await calculateJwkThumbprint(jwk) }
}

const proof = (key, htu, htm = 'POST') =>
  new SignJWT({ htm, htu, jti: crypto.randomUUID() }).setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: key.jwk }).setIssuedAt().sign(key.privateKey)

// What the bearer of a bound assertion has to show: a proof for the relying party's own address, by the key of the assertion.
async function bearer(token, dpop, url) {
  const claims = await check(token, bound)
  const { payload, protectedHeader } = await jwtVerify(dpop, EmbeddedJWK, { typ: 'dpop+jwt', algorithms: ['ES256', 'EdDSA'], maxTokenAge: '60s' })
  return payload.htu === url && (await calculateJwkThumbprint(protectedHeader.jwk)) === claims.cnf?.jkt
}

const seen = { introspection_endpoint: server.introspection_endpoint, dpop: server.dpop_signing_alg_values_supported }
const { assertion, decision } = await verification(audience)
seen.decision = decision
seen.claims = await attempt(() => check(assertion, audience))
seen.elsewhere = await attempt(() => check(assertion, 'https://shop.example'))
seen.unknown = await tokenIntrospection(config, `${assertion}A`)
seen.first = await tokenIntrospection(config, assertion)
seen.second = await tokenIntrospection(config, assertion)

const own = await keyPair()
const thief = await keyPair()
const home = 'https://bank.example/login'
seen.unproven = await verification(bound)
seen.otherURL = await verification(bound, { dpop: await proof(own, `${issuer}/v1/identifications`) })
const once = await proof(own, verifications)
const tied = await verification(bound, { dpop: once })
seen.replayed = await verification(bound, { dpop: once })
seen.tied = { decision: tied.decision, code: tied.code }
if (tied.assertion) {
  seen.cnf = (await check(tied.assertion, bound)).cnf?.jkt === own.thumbprint
  seen.holder = await bearer(tied.assertion, await proof(own, home), home)
  seen.thief = await bearer(tied.assertion, await proof(thief, home), home)
  seen.introspected = (await tokenIntrospection(config, tied.assertion)).cnf?.jkt === own.thumbprint
}
console.log(JSON.stringify(seen))
