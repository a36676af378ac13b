//go:build cgo

package pkcs11signer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/miekg/pkcs11"

	"biogate/internal/durable"
)

// maxPIN bounds the file of the PIN; devices take 4 to 64 bytes or so.
const maxPIN = 256

// logIn logs the session's user in where nobody of this process is yet: the specification has one login a token and process.
func (t *Token) logIn(s pkcs11.SessionHandle, token pkcs11.TokenInfo) error {
	t.login.Lock()
	defer t.login.Unlock()
	info, err := t.lib.GetSessionInfo(s)
	if err != nil {
		return fmt.Errorf("ask for the session's state: %w", err)
	}
	if info.State == pkcs11.CKS_RW_USER_FUNCTIONS {
		return nil
	}
	if err := triesLeft(token); err != nil {
		return err
	}
	pin, file, err := readPIN(t.o.PINFile)
	if err != nil {
		return err
	}
	defer clear(pin)
	if file == t.pinBad {
		return fmt.Errorf("%w: the token refused it, and %s has not changed since: put the right one there, or touch the file to try this one again", ErrPIN, t.o.PINFile)
	}
	err = t.lib.Login(s, pkcs11.CKU_USER, string(pin))
	switch {
	case err == nil || is(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN):
		return t.remember("")
	case refusal(err):
		return errors.Join(fmt.Errorf("%w again: the token refuses what %s holds: %w", ErrPIN, t.o.PINFile, err), t.remember(file))
	}
	return fmt.Errorf("log in: %w", err)
}

// triesLeft keeps the last try for a person.
func triesLeft(token pkcs11.TokenInfo) error {
	switch {
	case token.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return fmt.Errorf("%w: the token has locked it; its security officer can set a new one", ErrPIN)
	case token.Flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
		return fmt.Errorf("%w: one more wrong try locks the token; log in with the vendor's tool, which sets the count back", ErrPIN)
	}
	return nil
}

// refusal says whether a login failed because of its PIN.
func refusal(err error) bool {
	for _, code := range []uint{
		pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_EXPIRED, pkcs11.CKR_PIN_LOCKED,
	} {
		if is(err, code) {
			return true
		}
	}
	return false
}

// readPIN reads the PIN and what tells this state of its file from another.
func readPIN(path string) (pin []byte, identity string, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not hold us
	if err != nil {
		return nil, "", fmt.Errorf("the PIN's file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, "", fmt.Errorf("the PIN's file: %w", err)
	}
	if err := durable.CheckSecret(path, info, "PIN"); err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPIN+1))
	if err != nil {
		clear(text)
		return nil, "", fmt.Errorf("the PIN's file: %w", err)
	}
	pin = text
	for len(pin) > 0 && (pin[len(pin)-1] == '\n' || pin[len(pin)-1] == '\r') {
		pin = pin[:len(pin)-1]
	}
	if len(pin) == 0 || len(pin) > maxPIN {
		clear(text)
		return nil, "", fmt.Errorf("%s holds no PIN of 1 to %d bytes", path, maxPIN)
	}
	return pin, fmt.Sprintf("%s %d %d", filepath.Base(path), info.Size(), info.ModTime().UnixNano()), nil
}

// remember notes whose PIN was refused, "" for nobody's, in this process and for those to come.
func (t *Token) remember(file string) error {
	if t.pinBad == file {
		return nil
	}
	t.pinBad = file
	switch {
	case t.o.Memo == "":
		return nil
	case file == "":
		_ = os.Remove(t.o.Memo) // what stays names a state of the file that is gone
		return nil
	}
	return os.WriteFile(t.o.Memo, []byte(file+"\n"), 0o600)
}

func readMemo(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
