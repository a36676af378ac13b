package filesigner

import (
	"encoding/json"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// EveryKey is the JSON Web Key Set of all public keys, the expired ones included: what was signed to be kept is checked with
// it, deletion receipts and the checkpoints of the audit trail.
func (s *Signer) EveryKey() ([]byte, error) {
	set := jwk.NewSet()
	for _, k := range s.current().ring.keys {
		if err := set.AddKey(k.public); err != nil {
			return nil, err
		}
	}
	return json.Marshal(set)
}
