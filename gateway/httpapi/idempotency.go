package httpapi

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"biogate/gateway"
	"biogate/matcher"
)

const (
	maxIdempotencyKey = 128             // bytes
	keepTimeout       = 2 * time.Second // for keeping an answer, also when the request's time is over
)

// keeper answers a repeated write with the answer of the first. What it keeps is sealed with the client's key, of which
// it keeps only a hash: an answer names its subject, and a store of answers must not outlive the deletion of a subject
// as a readable list.
type keeper struct {
	receipts gateway.Receipts
	mu       sync.Mutex
	running  map[string]bool
}

func newKeeper(receipts gateway.Receipts) *keeper {
	return &keeper{receipts: receipts, running: make(map[string]bool)}
}

// do answers from the receipt under key, or runs the work and keeps its answer: a success, or a refusal that the same
// request would always meet.
func (k *keeper) do(ctx context.Context, key string, c *fiber.Ctx, w work, run func() (answer, error)) (answer, error) {
	switch {
	case !validKey(key):
		return answer{}, errIdempotencyKey
	case k.receipts == nil:
		return answer{}, unavailable(errors.New("there is no store of receipts"))
	}
	key = keyOf(gateway.CallerOf(ctx), key)
	id, request := derive(key, "id"), fingerprint(key, c, w)
	if !k.begin(string(id)) {
		return answer{}, errIdempotencyBusy
	}
	defer k.end(string(id))
	receipt, err := k.receipts.Recall(ctx, hex.EncodeToString(id))
	switch {
	case err == nil && receipt.Request != request:
		return answer{}, errIdempotencyReused
	case err == nil:
		eventOf(c).replayed = true
		return replay(key, receipt)
	case !errors.Is(err, gateway.ErrNotFound):
		return answer{}, unavailable(err)
	}
	a, err := run()
	if err == nil || lasting(err) {
		kept := gateway.Receipt{Request: request, At: time.Now()}
		eventOf(c).unkept = k.keep(ctx, key, kept, a, err) != nil
	}
	return a, err
}

func (k *keeper) begin(id string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running[id] {
		return false
	}
	k.running[id] = true
	return true
}

func (k *keeper) end(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.running, id)
}

// keep remembers a, or the refusal. The work is done whether or not this succeeds.
func (k *keeper) keep(ctx context.Context, key string, r gateway.Receipt, a answer, refusal error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	body, err := json.Marshal(a.body)
	r.Status = a.status
	if refusal != nil {
		p := newProblem(refusal, gateway.TraceID(ctx))
		body, err, r.Status = p.encode(), nil, p.Status
	}
	if err == nil {
		r.Body, err = seal(key, body)
	}
	if err != nil {
		return err
	}
	return k.receipts.Remember(ctx, hex.EncodeToString(derive(key, "id")), r)
}

// lasting says whether the same request would always be refused like this, whatever is held.
func lasting(err error) bool {
	switch e, _ := asError(err); e.Kind {
	case gateway.Malformed, gateway.Unsupported, gateway.TooLarge, gateway.Unusable:
		return true
	}
	return false
}

func replay(key string, r gateway.Receipt) (answer, error) {
	body, err := open(key, r.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: r.Status, raw: body, contentType: fiber.MIMEApplicationJSON, replayed: true}
	if r.Status >= 400 {
		a.contentType = typeProblem
	}
	return a, nil
}

func unavailable(err error) error {
	return &gateway.Error{
		Kind: gateway.Unavailable, Code: codeReceipts, Detail: "what became of this Idempotency-Key cannot be looked up",
		RetryAfter: time.Second, Cause: err,
	}
}

// idempotencyKey is that of the header, which holds at most one; it may be empty.
func idempotencyKey(c *fiber.Ctx) (key string, given bool) {
	keys := c.Request().Header.PeekAll("Idempotency-Key")
	if len(keys) == 0 {
		return "", false
	}
	return string(keys[0]), true
}

func validKey(key string) bool {
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return false
		}
	}
	return len(key) > 0 && len(key) <= maxIdempotencyKey
}

// keyOf is a key of one device: another one that uses the same, or has seen it, gets no answer of the first. What no device sent
// keeps the key that builds before devices gave it.
func keyOf(c gateway.Caller, key string) string {
	if c.Device == "" {
		return key
	}
	return c.Device + "\x00" + key // neither can hold a NUL
}

// fingerprint tells requests apart by what they mean: the same captures in another multipart boundary are the same.
func fingerprint(key string, c *fiber.Ctx, w work) (sum [32]byte) {
	h := hmac.New(sha256.New, derive(key, "request"))
	_, _ = fmt.Fprintf(h, "%s %q\n", c.Method(), c.Path())
	if w.identity != nil {
		w.identity(h)
	}
	h.Sum(sum[:0])
	return sum
}

// identifyCaptures writes captures so that different ones differ.
func identifyCaptures(w io.Writer, captures []matcher.Sample) {
	for _, s := range captures {
		_, _ = fmt.Fprintf(w, "%q %q %q %d %d %d %v %d\n", s.Modality, s.Position, s.Format, s.DPI, s.Width, s.Height, s.At, len(s.Data))
		if s.Taken > 0 {
			_, _ = fmt.Fprintf(w, "%s\n", s.Taken)
		}
		_, _ = w.Write(s.Data)
	}
}

// identifyMembers writes nothing of groups where there are none, as builds before them did.
func identifyMembers(w io.Writer, members []gateway.Membership) {
	subjects, groups := make([]string, len(members)), make([]string, len(members))
	for i, m := range members {
		subjects[i], groups[i] = m.Subject, m.Group
	}
	_, _ = fmt.Fprintf(w, "%q", subjects)
	if strings.Join(groups, "") != "" {
		_, _ = fmt.Fprintf(w, "%q", groups)
	}
}

func derive(key, purpose string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	_, _ = io.WriteString(h, "biogate idempotency "+purpose)
	return h.Sum(nil)
}

func sealer(key string) (cipher.AEAD, error) {
	block, err := aes.NewCipher(derive(key, "seal"))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func seal(key string, body []byte) ([]byte, error) {
	aead, err := sealer(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(body)+aead.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return aead.Seal(nonce, nonce, body, nil), nil
}

func open(key string, sealed []byte) ([]byte, error) {
	aead, err := sealer(key)
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errors.New("a receipt is cut off")
	}
	return aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], nil)
}
