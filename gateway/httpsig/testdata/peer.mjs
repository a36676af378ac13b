// Signs and checks requests with npm http-message-signatures. Reads {modules, alg, privateKey, publicKey, signed, toSign},
// and answers {verified, headers}.
import { createRequire } from "node:module";
import { createPrivateKey, createPublicKey } from "node:crypto";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const task = JSON.parse(text);
const { httpbis, createSigner, createVerifier } = createRequire(task.modules + "/")("http-message-signatures");

const verify = createVerifier(createPublicKey(task.publicKey), task.alg);
const notAfter = new Date(task.created * 1000); // the test's clock is not ours
const verified = await httpbis.verifyMessage({ notAfter, keyLookup: async () => ({ id: "kiosk-17", algs: [task.alg], verify }) }, task.signed);
const message = await httpbis.signMessage({
  key: createSigner(createPrivateKey(task.privateKey), task.alg, "kiosk-17"),
  name: "sig1",
  fields: ["@method", "@authority", "@path", "@query", "content-digest", "content-type"],
  params: ["created", "nonce", "keyid", "alg"],
  paramValues: { created: new Date(task.created * 1000), nonce: "a-nonce-of-the-peer" },
}, task.toSign);
console.log(JSON.stringify({ verified, headers: message.headers }));
