// Package archtest holds the house to its rules: who imports whom, which third-party module is used where, and what kinds
// of files the tree may contain. The policy stands here, what applies it in check_test.go.
//
// A pattern is a folder ("gateway/config"), a folder with all below it ("gateway/..."), or one level of wildcard
// ("adapters/*/..."). "self" is the folder that the row's pattern names, with all below it.
package archtest

// module is our own; everything of ours begins with it.
const module = "biogate"

// rows say what a folder's code may import of ours. The first row that matches a folder is its row; a folder without a
// row has no place in the house yet.
var rows = []row{
	{"internal/...", "internal/..."},
	{"models/...", "self"},
	{"matcher/kernel/...", ""},
	{"matcher/imaging/...", ""},
	{"matcher", "matcher/kernel/... matcher/imaging/..."},
	{"matcher/gallery/...", "matcher matcher/kernel/... matcher/imaging/..."},
	{"matcher/enginetest/...", "matcher matcher/kernel/... matcher/imaging/..."},
	{"matcher/finger/...", "self matcher matcher/kernel/... matcher/imaging/... matcher/gallery/... models/..."},
	{"matcher/face/...", "self matcher matcher/kernel/... matcher/imaging/... matcher/gallery/... models/..."},
	{"gateway/httpsig/...", "gateway/... internal/eddsa"},
	{"gateway/kiosk/...", "gateway/... internal/eddsa"},
	{"gateway/...", "gateway/... matcher"},
	{"adapters/opencvnet/...", "self matcher matcher/face models/..."}, // behind the network interface of matcher/face
	{"adapters/ortnet/...", "self matcher matcher/face models/..."},
	{"adapters/redismemory/...", "self gateway/... matcher internal/redisbatch internal/redisurl"},
	{"adapters/redistemplates/...", "self gateway/... matcher internal/redisbatch internal/redisurl"},
	{"adapters/*/...", "self gateway/... matcher internal/durable"},
	{"bench/...", "bench/... adapters/... gateway/... matcher/... models/... internal/..."},
	{"cmd/*/...", "..."},
}

// suites are run by tests and imported by nothing else. Their code counts as test code.
var suites = "gateway/porttest/... matcher/enginetest/... matcher/face/networktest/..."

// Test code is looser: it may import everything of ours but cmd, where only a command's own tests look.
const testsMayImport = "internal/... models/... matcher/... gateway/... adapters/... bench/..."

// modules are the third-party modules and the folders whose code uses them. Tests use those of their folder and
// testModules. The reason for each stands in docs/adr.
var modules = []row{
	{"C", "adapters/opencvnet"}, // cgo
	{"unsafe", "matcher/kernel/... adapters/opencvnet"},
	{"filippo.io/edwards25519", "internal/eddsa"},
	{"github.com/alecthomas/kong", "cmd/*"},
	{"github.com/gofiber/fiber/v2", "gateway/httpapi"},
	{"github.com/valyala/fasthttp", "gateway/httpapi"}, // what fiber stands on
	{"github.com/lestrrat-go/jwx/v2", "gateway/assertion gateway/dpop adapters/filesigner adapters/pkcs11signer"},
	{"github.com/miekg/pkcs11", "adapters/pkcs11signer"},
	{"github.com/prometheus/client_golang", "adapters/prommetrics"},
	{"github.com/redis/go-redis/v9", "adapters/redistemplates adapters/redismemory internal/redisbatch internal/redisurl"},
	{"github.com/sony/gobreaker/v2", "gateway/guard gateway/registry"},
	{"github.com/tink-crypto/tink-go/v2", "adapters/tinkkeys"},
	{"github.com/yalue/onnxruntime_go", "adapters/ortnet"},
	{"go.etcd.io/bbolt", "adapters/bolttemplates"},
	{"go.yaml.in/yaml/v3", "gateway/config"},
	{"gocv.io/x/gocv", "adapters/opencvnet"},
	{"golang.org/x/image", "matcher/imaging"},
	{"golang.org/x/sys", "matcher/kernel"},
	{"gonum.org/v1/plot", "bench/..."},
	{"google.golang.org/protobuf", "models/..."},
}

var testModules = []string{
	"github.com/alicebob/miniredis/v2",
	"github.com/getkin/kin-openapi",
	"github.com/rogpeppe/go-internal",
	"golang.org/x/image",
	"pgregory.net/rapid",
}

// forbidden packages of the standard library: what a folder's code must be able to do without. Tests may use them.
var forbidden = []row{
	{"gateway/decision/...", "time os net/... log/... math/rand/... crypto/rand sync/... context"}, // pure: no clock, no I/O
	{"matcher/kernel/...", "os net/... log/... time math/rand/..."},
	{"matcher/...", "net/... os/exec log/... database/sql plugin"}, // engines reach nothing outside
	{"gateway/assertion/...", "math/rand/... os net/http"},
	{"...", "plugin math/rand"}, // math/rand/v2 has seeded generators and no global one to seed
}

// shape are the entries that the root may have besides files.
var shape = []string{
	"gateway", "matcher", "adapters", "bench", "cmd", "models", // the house
	"internal", "docs", "deploy", ".ci", ".github",
}

const maxFileBytes = 1 << 20

// captures are the extensions of files that are, or may show, a biometric capture or a network's weights. None belongs
// in the tree: tests make their pictures, weights come by hash at set-up.
var captures = []string{
	".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".wsq", ".jp2", ".j2k", ".pgm", ".raw", ".fmr", ".fir", ".iso",
	".onnx", ".tflite", ".pb", ".bin", ".pt", ".npy", ".npz", ".caffemodel", ".so", ".a", ".o", ".exe", ".zip", ".gz", ".tgz", ".zst", ".pem", ".key",
}
