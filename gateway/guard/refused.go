package guard

import (
	"errors"
	"fmt"
	"time"

	"biogate/gateway"
)

// minRetry is the least that a client is told to wait: Retry-After counts whole seconds.
const minRetry = time.Second

// Refused says that a call was not tried: the system has seen nothing of it.
type Refused struct {
	System     string
	Reason     string // Open or Full
	RetryAfter time.Duration
}

// Reasons to refuse a call; they are outcomes of gateway.Observer too.
const (
	Open = "open" // the breaker is open
	Full = "full" // the bulkhead is full
)

func (r *Refused) Error() string { return fmt.Sprintf("%s: not tried, %s", r.System, r.Reason) }

// NotTried says whether err means that the system has seen nothing of the call.
func NotTried(err error) bool {
	_, refused := errors.AsType[*Refused](err)
	return refused
}

// Unavailable makes the error that a client may see of a system's failure: Kind Unavailable with the code
// "<system>-unavailable" and the time after which to try again. A gateway.Error stays as it is.
func Unavailable(system string, err error) *gateway.Error {
	var typed *gateway.Error
	if errors.As(err, &typed) {
		return typed
	}
	retry := minRetry
	var r *Refused
	if errors.As(err, &r) {
		retry = max(retry, r.RetryAfter)
	}
	return &gateway.Error{
		Kind: gateway.Unavailable, Code: system + "-unavailable", Detail: "the " + system + " cannot be reached",
		Hint: "send the same request again later", RetryAfter: retry, Cause: err,
	}
}
