//go:build cgo && !noopencv && matprofile

package opencvnet

import (
	"context"
	"testing"

	"gocv.io/x/gocv"

	"biogate/matcher/face/networktest"
)

// Run with -tags matprofile: gocv then counts the Mats that were made and not closed.
func TestNoMatIsLeft(t *testing.T) {
	before := gocv.MatProfile.Count()
	t.Run("use", func(t *testing.T) {
		nets := loaded(t, 2)
		held := gocv.MatProfile.Count()
		for i := range uint64(5) {
			if _, err := nets.Detect.Run(context.Background(), networktest.Noise(i, []int{1, 3, 240, 320})); err != nil {
				t.Fatal(err)
			}
			if _, err := nets.Eye.Run(context.Background(), networktest.Noise(i, []int{1, 1, 1, 1})); err == nil {
				t.Fatal("a wrong shape was taken")
			}
		}
		if n := gocv.MatProfile.Count(); n != held {
			t.Errorf("%d Mats, %d before the runs", n, held)
		}
	})
	if n := gocv.MatProfile.Count(); n != before {
		t.Errorf("%d Mats after Close, %d before Load", n, before)
	}
}
