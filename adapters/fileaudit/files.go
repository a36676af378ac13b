package fileaudit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"biogate/gateway/audit"
)

// segmentName is the file whose first line has this number. Names sort as the lines do.
func segmentName(first uint64) string { return fmt.Sprintf("audit-%020d.jsonl", first) }

// segmentFile is a segment as the system has it.
type segmentFile struct{ *os.File }

// Sync waits for the data and the length, and not for the times, which nobody relies on.
func (f segmentFile) Sync() error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func openSegment(path string, fresh bool) (file, error) {
	flags := os.O_WRONLY | os.O_APPEND | syscall.O_NOFOLLOW
	if fresh {
		flags |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	return segmentFile{f}, nil
}

// hold keeps a second gateway away from the folder. The lock ends with the process.
func hold(dir string) (*os.File, error) {
	f, err := os.OpenFile(lockFile(dir), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("fileaudit: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("fileaudit: another gateway writes to %s: %w", dir, err), f.Close())
	}
	return f, nil
}

func lockFile(dir string) string { return filepath.Join(dir, "lock") }

// Running says whether a gateway has the folder open.
func Running(dir string) bool {
	f, err := os.Open(lockFile(dir))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// Segments are the files of the trail in a folder, oldest first.
func Segments(dir string) ([]audit.Segment, error) {
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []audit.Segment
	for _, f := range found { // sorted by name
		if !strings.HasPrefix(f.Name(), "audit-") || !strings.HasSuffix(f.Name(), ".jsonl") {
			continue
		}
		path := filepath.Join(dir, f.Name())
		out = append(out, audit.Segment{Name: f.Name(), Open: func() (io.ReadCloser, error) { return os.Open(path) }})
	}
	return slices.Clip(out), nil
}

// Begun says whether there is a trail in a folder, or was one: a HEAD comes before the first entry of a request. Segments without one
// say nothing: anybody can make an empty file of that name.
func Begun(dir string) (bool, error) {
	head, err := Head(dir)
	return head != "", err
}

// Head is the latest checkpoint of the trail in a folder; empty when there is none yet.
func Head(dir string) (string, error) {
	f, err := os.Open(headFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, audit.MaxLine))
	if token := strings.TrimSpace(string(text)); token != "" || err != nil {
		return token, err
	}
	return "-", nil // which no key has signed: an empty HEAD is none that a gateway wrote
}

// writeHead replaces HEAD in one step.
func writeHead(dir, token string) error {
	temp := headFile(dir) + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(token + "\n")
	if err = errors.Join(err, segmentFile{f}.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(temp, headFile(dir))
}
