package synth

import (
	"bytes"
	"reflect"
	"testing"

	"biogate/matcher"
	"biogate/matcher/finger"
	"biogate/matcher/imaging"
)

func TestPrintsAreRepeatableAndSound(t *testing.T) {
	const n = 300
	i := 0
	for p := range Prints(9, n) {
		if err := sound(p); err != nil {
			t.Fatalf("print %d: %v", i, err)
		}
		if again := PrintOf(9, i); !reflect.DeepEqual(again, p) {
			t.Fatalf("print %d differs the second time", i)
		}
		f := PatternOf(9, i)
		other := f.Impression(i + 1)
		if err := sound(other); err != nil {
			t.Fatalf("impression %d of finger %d: %v", i+1, i, err)
		}
		if reflect.DeepEqual(other, p) {
			t.Fatalf("two impressions of finger %d are equal", i)
		}
		if again := f.Impression(i + 1); !reflect.DeepEqual(again, other) {
			t.Fatalf("impression %d of finger %d differs the second time", i+1, i)
		}
		i++
	}
	if i != n {
		t.Errorf("%d prints, want %d", i, n)
	}
}

// sound says whether the engine takes p.
func sound(p finger.Print) error {
	payload, err := finger.AppendPayload(nil, p)
	if err != nil {
		return err
	}
	_, err = finger.New().Probe(matcher.Template{Modality: matcher.Finger, Model: finger.Model, Payload: payload})
	return err
}

func TestPrintsStopEarly(t *testing.T) {
	n := 0
	for range Prints(1, 1<<40) {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d prints", n)
	}
}

func ofPrint(t testing.TB, name string, p finger.Print) impression {
	t.Helper()
	payload, err := finger.AppendPayload(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	return ready(t, name, matcher.Extraction{Template: matcher.Template{Modality: matcher.Finger, Model: finger.Model, Payload: payload}})
}

func TestImpressionsOfAPatternMatch(t *testing.T) {
	var all []impression
	for i := range 20 {
		f := PatternOf(2, i)
		for k := range 3 {
			all = append(all, ofPrint(t, string(rune('a'+i)), f.Impression(k)))
		}
	}
	genuine, impostor := scores(t, all)
	if half, most := genuine[len(genuine)/2], impostor[len(impostor)-1]; half <= most {
		t.Errorf("half of the genuine scores are below %.1f, and impostors reach %.1f", half, most)
	}
}

func TestRecapture(t *testing.T) {
	src := imaging.RGB{Width: 120, Height: 90, Pix: make([]byte, 3*120*90)}
	for i := range src.Pix {
		src.Pix[i] = byte(60 + i%360/3) // brighter to the right
	}
	data := Recapture(src, 4)
	if !bytes.Equal(data, Recapture(src, 4)) {
		t.Error("the same seed gave another picture")
	}
	if bytes.Equal(data, Recapture(src, 5)) {
		t.Error("two seeds gave one picture")
	}
	got, err := imaging.DecodeRGB(data, "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	if got.Width < 80 || got.Width > 160 || got.Height < 60 || got.Height > 120 {
		t.Errorf("%dx%d", got.Width, got.Height)
	}
	small := imaging.ResizeRGB(got, 4, 1)
	if small.Pix[0] >= small.Pix[3] || small.Pix[3] >= small.Pix[9] {
		t.Errorf("not the same picture: %v", small.Pix)
	}
	if Recapture(imaging.RGB{Width: 1, Height: 1, Pix: []byte{1, 2, 3}}, 1) == nil {
		t.Error("a picture of one pixel has no recapture")
	}
}

// A population of 100,000 is made for every search that is measured.
func BenchmarkPrintOf(b *testing.B) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		PrintOf(1, i)
	}
}
