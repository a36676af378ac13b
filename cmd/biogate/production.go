package main

import (
	"errors"
	"fmt"
	"os"

	"biogate/adapters/filedevices"
	"biogate/adapters/filesigner"
	"biogate/adapters/tinkkeys"
	"biogate/gateway/config"
)

// unready names everything that production mode needs beside sound settings and that is not there, all of it at once. Nothing is
// made or changed by looking.
func unready(c config.Config) error {
	if c.Mode != config.Production {
		return nil
	}
	return errors.Join(append(checkFiles(c), checkSigningKeys(c), checkTemplateKeys(c), checkDevices(c))...)
}

func checkSigningKeys(c config.Config) error {
	o := ringOptions(c)
	o.Algorithm, o.AsFound, o.Production = "", true, true
	_, err := filesigner.Open(o)
	return err
}

// checkTemplateKeys does not speak of keys that are missing where there is a record: opening it tells whether new ones would do, or
// only the backup.
func checkTemplateKeys(c config.Config) error {
	keys, err := tinkkeys.Open(tinkkeys.Options{Dir: keyDir(c.Data)})
	if errors.Is(err, tinkkeys.ErrNoKeys) {
		if _, statErr := os.Stat(storeFile(c.Data)); statErr == nil {
			return nil
		}
		return fmt.Errorf("%w; run: biogate keys init", err)
	}
	if err == nil && keys.Development() {
		return developmentTemplateKeys(c.Data)
	}
	return err
}

func developmentTemplateKeys(data string) error {
	return fmt.Errorf("the template keys in %s were made by development mode; production needs its own, for a record of its own: choose another data folder and run: biogate keys init", keyDir(data))
}

func checkDevices(c config.Config) error {
	devices, err := filedevices.Open(filedevices.Options{Path: devicesFile(c), Log: quietLog()})
	if err != nil {
		return err
	}
	return someDevice(c, devices)
}
