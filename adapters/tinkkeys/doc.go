// Package tinkkeys keeps the key-encryption keys of templates in one file, as a keyset of Tink, and wraps data keys with them
// (gateway/vault.Keys).
//
// The file template-keys.json (0600, in a directory made 0700) holds AES-256-GCM keys. The primary wraps; every other only unwraps,
// until no record needs it and an operator retires it. Whoever loses the file loses every template: it belongs into the backup of
// the keys, and apart from the backup of the record.
//
// A change replaces the whole file by rename, under a lock between processes. Keys in use look at the file once a second, so a
// rotation by another process needs no restart and no signal.
package tinkkeys
