package synth

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"biogate/matcher/imaging"
)

// MaxDataset is the most pictures that WriteDataset makes.
const MaxDataset = 1_000_000

// Member is the i-th finger of the population of a seed.
func Member(seed uint64, i int) *Finger { return NewFinger(mix(seed) + uint64(i)) }

// WriteDataset writes n fingers with so many impressions each to dir, named <finger>_<impression>.png from 1 on as the
// FVC databases are. Each file appears whole or not at all. A directory that holds anything but files of this very data
// set is refused; files that are there already are kept, so that an interrupted run can be repeated. progress may be nil;
// its calls do not overlap.
func WriteDataset(ctx context.Context, dir string, n, impressions int, seed uint64, progress func(done, total int)) error {
	if n < 1 || impressions < 1 || n > MaxDataset/impressions {
		return fmt.Errorf("%d fingers with %d impressions each: both must be 1 or more, and %d pictures in all at most", n, impressions, MaxDataset)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := refuseForeign(dir, n, impressions); err != nil {
		return err
	}
	d := dataset{dir: dir, impressions: impressions, seed: seed, total: n * impressions, progress: progress}
	return d.write(ctx, n)
}

type dataset struct {
	dir         string
	impressions int
	seed        uint64
	total       int
	progress    func(done, total int)

	mu   sync.Mutex
	done int
}

// write shares the fingers out over the cores and returns the first error.
func (d *dataset) write(ctx context.Context, n int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	fingers := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			for i := range fingers {
				if err := d.writeFinger(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case fingers <- i:
		case <-ctx.Done():
		}
	}
	close(fingers)
	workers.Wait()
	return context.Cause(ctx)
}

func (d *dataset) writeFinger(ctx context.Context, i int) error {
	f := Member(d.seed, i)
	for k := range d.impressions {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		data, err := EncodePNG(f.Impression(k, Options{}))
		if err != nil {
			return err
		}
		if err := writeNew(filepath.Join(d.dir, fileName(i, k)), data); err != nil {
			return err
		}
		d.count()
	}
	return nil
}

func (d *dataset) count() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done++
	if d.progress != nil {
		d.progress(d.done, d.total)
	}
}

func fileName(finger, impression int) string { return fmt.Sprintf("%d_%d.png", finger+1, impression+1) }

const tempPrefix = ".synth-" // of files that are being written

func refuseForeign(dir string, n, impressions int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		var finger, impression int
		fmt.Sscanf(e.Name(), "%d_%d.png", &finger, &impression)
		ours := finger >= 1 && finger <= n && impression >= 1 && impression <= impressions && e.Name() == fileName(finger-1, impression-1)
		if !ours && !strings.HasPrefix(e.Name(), tempPrefix) {
			return fmt.Errorf("%s holds %s, which is not part of this data set: choose an empty directory", dir, e.Name())
		}
	}
	return nil
}

// writeNew makes a file with exactly data: through a temporary file, and never over one with other content.
func writeNew(path string, data []byte) (err error) {
	switch old, err := os.ReadFile(path); {
	case err == nil && bytes.Equal(old, data):
		return nil
	case err == nil:
		return fmt.Errorf("%s exists with other content (another seed, or not written by this program): choose an empty directory", path)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), tempPrefix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temp.Name())
		}
	}()
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Chmod(0o644), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

// EncodePNG encodes a grey picture, with its resolution when it is known.
func EncodePNG(g imaging.Grey) ([]byte, error) {
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestSpeed}
	img := &image.Gray{Pix: g.Pix, Stride: g.Width, Rect: image.Rect(0, 0, g.Width, g.Height)}
	if err := enc.Encode(&b, img); err != nil || g.DPI == 0 {
		return b.Bytes(), err
	}
	const headerEnd = 8 + 25 // signature and IHDR
	whole := append([]byte{}, b.Bytes()[:headerEnd]...)
	return append(append(whole, pHYs(g.DPI)...), b.Bytes()[headerEnd:]...), nil
}

// pHYs is the PNG chunk that states a resolution, in pixels a metre.
func pHYs(dpi int) []byte {
	perMetre := uint32(math.Round(float64(dpi) / 0.0254))
	c := append(binary.BigEndian.AppendUint32(nil, 9), "pHYs"...)
	c = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(c, perMetre), perMetre)
	c = append(c, 1)
	return binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
}
