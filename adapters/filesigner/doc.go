// Package filesigner keeps a deployment's signing keys and secrets in one file and signs with them.
//
// The file keyring.json (0600, in a directory made 0700) holds every key with the times from which it signs and until
// which it is published, so that a key's state follows from the clock alone:
//
//	next     published, does not sign yet (rotation with a period of publication before)
//	active   signs
//	retired  signs no more; its public part stays in the key set until the last assertion and the last cached copy of
//	         the key set have expired
//	expired  out of the key set; its public part is kept, because deletion receipts do not expire
//
// A change replaces the whole file by rename, under a lock between processes: a reader sees the state before or after it,
// and nothing of a write that a crash cut off. A running Signer looks at the file once a second when it is used, so a
// rotation by another process needs no restart and no signal. The private part of a key that signs no more is
// removed from the file by the change that replaces it; where the passing of time does, by the next use of a Signer that is
// no tool (Options.AsFound), in whatever process.
package filesigner
