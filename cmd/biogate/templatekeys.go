package main

import (
	"errors"
	"fmt"

	"biogate/adapters/tinkkeys"
)

// initTemplateKeys makes the template keys of a production deployment; it leaves keys that are there alone, and fails.
func initTemplateKeys(dir string) (tinkkeys.KeyInfo, error) {
	_, err := tinkkeys.Open(tinkkeys.Options{Dir: dir})
	if err == nil {
		return tinkkeys.KeyInfo{}, fmt.Errorf("there are template keys in %s already; they are not replaced", dir)
	}
	if !errors.Is(err, tinkkeys.ErrNoKeys) {
		return tinkkeys.KeyInfo{}, err
	}
	keys, err := tinkkeys.Open(tinkkeys.Options{Dir: dir, Create: true})
	if err != nil {
		return tinkkeys.KeyInfo{}, err
	}
	return keys.List()[0], nil
}
