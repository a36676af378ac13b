package httpsig

import (
	"fmt"
	"strings"
)

// required are always covered. A request with a body has both of bodyFields besides.
var (
	required   = [...]string{"@method", "@authority", "@path", "@query"}
	bodyFields = [...]string{"content-digest", "content-type"}
)

// covered are fields that change what a request does: whoever could add one to a signed request could change it.
var covered = [...]string{"content-digest", "content-type", "content-encoding", "idempotency-key", "dpop"}

// maxBase bounds the signature base, in bytes: a proof of possession and a long query fit twice.
const maxBase = 32 << 10

// coversAll: see covered and required.
func (in input) coversAll(m Message) error {
	for _, name := range required {
		if !in.covers(name) {
			return fmt.Errorf("%w: %s", ErrUncovered, name)
		}
	}
	body := hasBody(m)
	for _, name := range covered {
		if !in.covers(name) && len(m.Header(name)) > 0 {
			return fmt.Errorf("%w: %s", ErrUncovered, name)
		}
	}
	for _, name := range bodyFields {
		if body && !in.covers(name) {
			return fmt.Errorf("%w: %s, as there is a body", ErrUncovered, name)
		}
	}
	return nil
}

// hasBody goes by the header: a body that it does not announce has no digest, and Digest.Check refuses it.
func hasBody(m Message) bool {
	if len(m.Header("transfer-encoding")) > 0 {
		return true
	}
	length := m.Header("content-length")
	return len(length) > 1 || (len(length) == 1 && length[0] != "0" && length[0] != "")
}

// base is the signature base of RFC 9421, section 2.5. The parameters are taken as they came: they are canonical.
func base(m Message, in input) ([]byte, error) {
	b := make([]byte, 0, 768)
	for _, name := range in.components[:in.count] {
		value, err := component(m, name)
		if err != nil {
			return nil, err
		}
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, `": `...)
		b = append(b, value...)
		b = append(b, '\n')
		if len(b) > maxBase {
			return nil, fmt.Errorf("%w: it covers too much", ErrMalformed)
		}
	}
	b = append(b, `"@signature-params": `...)
	return append(b, in.params...), nil
}

// component is a component's value (RFC 9421, sections 2.1 and 2.2).
func component(m Message, name string) (string, error) {
	value, err := rawComponent(m, name)
	if err == nil && !printable(value) { // a line feed here would be another component
		return "", fmt.Errorf("%w: a covered component has characters other than printable ASCII", ErrMalformed)
	}
	return value, err
}

func rawComponent(m Message, name string) (string, error) {
	switch name {
	case "@method":
		return m.Method, nil
	case "@authority":
		return authority(m.Authority), nil
	case "@path":
		if m.Path == "" {
			return "/", nil
		}
		return m.Path, nil
	case "@query":
		return "?" + m.Query, nil
	}
	lines := m.Header(name)
	if len(lines) != 1 {
		return "", fmt.Errorf("%w: a covered field is missing or there twice", ErrMalformed)
	}
	return strings.Trim(lines[0], " \t"), nil
}

// authority in lower case without a default port (RFC 9421, section 2.2.3). Behind a proxy nobody knows the scheme any more,
// so both defaults go.
func authority(s string) string {
	s = strings.ToLower(s)
	if host, ok := strings.CutSuffix(s, ":443"); ok {
		return host
	}
	host, _ := strings.CutSuffix(s, ":80")
	return host
}

// printable: ASCII that can be seen, blanks and tabs.
func printable(s string) bool {
	for i := range len(s) {
		if (s[i] < ' ' && s[i] != '\t') || s[i] > '~' {
			return false
		}
	}
	return true
}
