package synth

import "sync"

// The filters depend on parameters alone and are shared by all fingers.
var (
	coarseBank = sync.OnceValue(func() *bank { return newBank(coarse, 6) })
	fineBank   = sync.OnceValue(func() *bank { return newBank(1, 9) })
)
