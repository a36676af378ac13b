// Package audit is the form of the gateway's audit trail, and how it is checked: pure functions over bytes.
//
// A trail is a sequence of lines in files (segments). Each line is a canonical JSON object with a sequence number, from 1
// without a gap, and the SHA-256 of the line before it: whoever changes, drops, inserts or moves one breaks the chain. A
// line is an entry, what the gateway did, or a checkpoint: a compact JWS (RFC 7515) of type "biogate-audit+jwt" that signs
// the number and the hash of the line before it, so that nobody without the signing key can make the chain anew. Every
// segment ends with a checkpoint. Subjects stand in entries as HMAC-SHA-256 under a key of the deployment.
//
// Nobody can see from a trail alone that its end, or all of it, was cut off: the latest checkpoint is therefore kept beside
// the segments (HEAD), and anywhere else that an operator likes (anchors).
package audit
