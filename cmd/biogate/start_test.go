package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"biogate/adapters/bolttemplates"
	"biogate/adapters/tinkkeys"
	"biogate/gateway"
	"biogate/gateway/decision"
	"biogate/gateway/vault"
	"biogate/matcher"
	"biogate/matcher/face"
	"biogate/models"
)

// BenchmarkStart measures how long a gateway takes from the record to galleries that can be searched, with synthetic face
// templates. BIOGATE_BENCH_MEMBERS is the number of members (2,000), BIOGATE_BENCH_STORE a folder that keeps the record for
// the next run.
func BenchmarkStart(b *testing.B) {
	n := 2000
	if text := os.Getenv("BIOGATE_BENCH_MEMBERS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	dir := os.Getenv("BIOGATE_BENCH_STORE")
	if dir == "" {
		dir = b.TempDir()
	}
	engine := storedFaces(b)
	path := filepath.Join(dir, fmt.Sprintf("%s-%d.db", engine.Model(), n))
	if _, err := os.Stat(path); err != nil {
		writeRecord(b, path, engine.Model(), n, sealerOf(b, dir))
	}
	sealer := sealerOf(b, dir)
	store, err := bolttemplates.Open(path, bolttemplates.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	for b.Loop() {
		before, cpu, start := heap(), cpuTime(), time.Now()
		service, err := gateway.New(context.Background(), gateway.Deps{
			Engines:      []matcher.Engine{engine},
			Calibrations: map[string]gateway.Calibration{engine.Model(): anyCalibration{}},
			Registry:     noRegistry{}, Lister: store, Open: sealer.OrSubject, Galleries: store, Now: time.Now, Workers: runtime.GOMAXPROCS(0),
			Policy: decision.Policy{MaxFMR: 1e-4, IdentifyFPIR: 1e-3, MaxCandidates: 5},
		})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "load-s/op")
		b.ReportMetric((cpuTime() - cpu).Seconds(), "cpu-s/op")
		info, err := service.Gallery(context.Background(), "all")
		if err != nil || info.Searchable[matcher.Face] != n {
			b.Fatalf("%+v %v", info, err)
		}
		b.ReportMetric(float64(heap()-before)/float64(n), "bytes/member")
		runtime.KeepAlive(service)
	}
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// storedFaces is an engine that reads and compares templates; its networks are never run.
func storedFaces(b *testing.B) matcher.Engine {
	b.Helper()
	manifest, err := models.Load(models.DefaultFace)
	if err != nil {
		b.Fatal(err)
	}
	engine, err := face.New(manifest, face.Networks{Detect: unused{}, Landmark: unused{}, Feature: unused{}})
	if err != nil {
		b.Fatal(err)
	}
	return engine
}

type unused struct{ face.Network }

type anyCalibration struct{}

func (anyCalibration) FMR(float64) (float64, bool) { return 1, false }
func (anyCalibration) LLR(float64) float64         { return 0 }
func (anyCalibration) Range() (float64, float64)   { return 0, 1 }

// noRegistry: nobody is asked about at start who was in the list.
type noRegistry struct{ gateway.Registry }

func (noRegistry) Follow(func(gateway.References)) {}

// writeRecord makes a record with n subjects of one face template each, all in the gallery "all".
// sealerOf has the keys of a folder.
func sealerOf(b *testing.B, dir string) *vault.Sealer {
	b.Helper()
	keys, err := tinkkeys.Open(tinkkeys.Options{Dir: keyDir(dir), Create: true})
	if err != nil {
		b.Fatal(err)
	}
	return vault.NewSealer(keys)
}

func writeRecord(b *testing.B, path, model string, n int, sealer *vault.Sealer) {
	b.Helper()
	store, err := bolttemplates.Open(path, bolttemplates.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	ctx := context.Background()
	var all sync.WaitGroup
	next := make(chan int)
	for range 512 { // they share commits
		all.Go(func() {
			for i := range next {
				sealed, err := sealer.Seal(syntheticFace(b, model, i))
				if err == nil {
					err = store.Put(ctx, sealed, 0)
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	members := make([]gateway.Membership, n)
	for i := range n {
		next <- i
		members[i].Subject = syntheticSubject(i)
	}
	close(next)
	all.Wait()
	if _, err := store.PutGallery(ctx, gateway.Gallery{Name: "all", CreatedAt: time.Now()}); err != nil {
		b.Fatal(err)
	}
	for len(members) > 0 {
		part := members[:min(len(members), 100_000)]
		if err := store.AddMembers(ctx, "all", part); err != nil {
			b.Fatal(err)
		}
		members = members[len(part):]
	}
}

func syntheticSubject(i int) string { return fmt.Sprintf("subject-%08d", i) }

func syntheticFace(b *testing.B, model string, i int) gateway.References {
	payload := make([]byte, 516)
	rnd := rand.New(rand.NewPCG(uint64(i), 7))
	copy(payload, []byte{2, 80, 14, 16, 127}) // version, quality, clarity 3.6, the largest element
	for k := 5; k < len(payload); k++ {
		payload[k] = byte(int8(rnd.IntN(255) - 127))
	}
	data, err := matcher.Template{Modality: matcher.Face, Model: model, Payload: payload}.AppendBinary(nil)
	if err != nil {
		b.Error(err)
	}
	return gateway.References{Subject: syntheticSubject(i), Version: 1, Templates: []gateway.StoredTemplate{{
		ID: fmt.Sprintf("%024x", i), Modality: matcher.Face, Model: model, Quality: 80, EnrolledAt: time.Unix(1_780_000_000, 0), Data: data,
	}}}
}
