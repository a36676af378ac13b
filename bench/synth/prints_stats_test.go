package synth

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"biogate/matcher"
	"biogate/matcher/finger"
)

// census is what many prints look like.
type census struct {
	few, usual, many float64    // minutiae: 5 %, median, 95 %
	small, wide      float64    // area that they span, 1,000 square pixels: 25 %, 75 %
	near, nearest    float64    // distance to the next minutia, pixels: 5 %, median
	endings          float64    // share
	poor, fair, good float64    // quality of minutiae: 5 %, median, 95 %
	patchy           float64    // correlation of the quality of minutiae of one print under 30 pixels apart
	parallel         [5]float64 // mean cosine of twice the difference of directions: within parallelReach
	sameWay          float64    // share of pairs within 50 pixels whose directions differ by less than a quarter turn
	fanning          float64    // share of minutiae that point the way in which the flow around them fans out
}

var parallelReach = [...]float64{20, 45, 90, 120, 220}

// realPrints are the figures of the four tuning sets together, by the extractor that synth-2 was set with.
var realPrints = census{
	few: 17, usual: 37, many: 65, small: 31.4, wide: 58.5, near: 7.1, nearest: 21.0, endings: 0.52, poor: 33, fair: 59, good: 80,
	patchy: 0.70, parallel: [...]float64{0.76, 0.64, 0.39, 0.15, -0.09}, sameWay: 0.58, fanning: 0.70,
}

// like lists where c is farther from other than slack times what separates two samples of fingers, or sensors.
func (c *census) like(t *testing.T, other *census, slack float64) {
	t.Helper()
	f := func(name string, got, want, tolerance float64) {
		t.Helper()
		t.Logf("%-34s %7.2f %7.2f", name, got, want)
		if !(math.Abs(got-want) <= slack*tolerance) {
			t.Errorf("%s: %.2f, real ones have %.2f", name, got, want)
		}
	}
	f("minutiae, 5 %", c.few, other.few, 4)
	f("minutiae, median", c.usual, other.usual, 4)
	f("minutiae, 95 %", c.many, other.many, 7)
	f("area, 25 %", c.small, other.small, 5)
	f("area, 75 %", c.wide, other.wide, 8)
	f("distance to the next, 5 %", c.near, other.near, 1.5)
	f("distance to the next, median", c.nearest, other.nearest, 2)
	f("endings", c.endings, other.endings, 0.05)
	f("quality, 5 %", c.poor, other.poor, 8)
	f("quality, median", c.fair, other.fair, 4)
	f("quality, 95 %", c.good, other.good, 6)
	f("correlation of quality", c.patchy, other.patchy, 0.15)
	for i, reach := range parallelReach {
		f(fmt.Sprintf("parallel within %.0f pixels", reach), c.parallel[i], other.parallel[i], 0.08)
	}
	f("same way", c.sameWay, other.sameWay, 0.06)
	f("pointing where ridges fan out", c.fanning, other.fanning, 0.06)
}

func takeCensus(prints []finger.Print) census {
	var c census
	var count, area, near, quality []float64
	var endings, minutiae float64
	var patchy ratio
	var parallel [len(parallelReach)]ratio
	var sameWay, fanning ratio
	for _, p := range prints {
		count, area = append(count, float64(len(p.Minutiae))), append(area, hullArea(p.Minutiae)/1000)
		mean, spread := qualityOf(p)
		for i, a := range p.Minutiae {
			minutiae++
			if a.Kind == finger.Ending {
				endings++
			}
			quality = append(quality, float64(a.Quality))
			nearest := math.Inf(1)
			for j, b := range p.Minutiae {
				if i == j {
					continue
				}
				d := math.Hypot(float64(a.X-b.X), float64(a.Y-b.Y))
				nearest = min(nearest, d)
				turn := float64(int8(a.Angle-b.Angle)) * math.Pi / 128
				if k, _ := slices.BinarySearch(parallelReach[:], d); k < len(parallelReach) {
					parallel[k].add(math.Cos(2*turn), 1)
				}
				if d < 50 {
					sameWay.add(one(math.Abs(turn) < math.Pi/2), 1)
				}
				if d < 30 {
					patchy.add((float64(a.Quality)-mean)*(float64(b.Quality)-mean), spread*spread)
				}
			}
			near = append(near, nearest)
			if fan, sure := fanAround(p.Minutiae, i); sure {
				fanning.add(one(fan > 0), 1)
			}
		}
	}
	c.few, c.usual, c.many = quantile(count, 0.05), quantile(count, 0.5), quantile(count, 0.95)
	c.small, c.wide = quantile(area, 0.25), quantile(area, 0.75)
	c.near, c.nearest = quantile(near, 0.05), quantile(near, 0.5)
	c.poor, c.fair, c.good = quantile(quality, 0.05), quantile(quality, 0.5), quantile(quality, 0.95)
	c.endings, c.patchy, c.sameWay, c.fanning = endings/minutiae, patchy.value(), sameWay.value(), fanning.value()
	for k := range parallel {
		c.parallel[k] = parallel[k].value()
	}
	return c
}

type ratio struct{ sum, weight float64 }

func (r *ratio) add(v, weight float64) { r.sum, r.weight = r.sum+v, r.weight+weight }
func (r *ratio) value() float64        { return r.sum / r.weight }

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func quantile(v []float64, q float64) float64 {
	slices.Sort(v)
	return v[min(int(q*float64(len(v))), len(v)-1)]
}

func qualityOf(p finger.Print) (mean, spread float64) {
	var sum, squares float64
	for _, m := range p.Minutiae {
		sum += float64(m.Quality)
		squares += sq(float64(m.Quality))
	}
	n := float64(len(p.Minutiae))
	return sum / n, math.Sqrt(max(squares/n-sq(sum/n), 0))
}

// fanAround fits how directions change from left to right of minutia i: positive when ridges fan out in its direction. It is
// not sure when there are too few neighbours beside it.
func fanAround(list []finger.Minutia, i int) (fan float64, sure bool) {
	const poor, reach, beside, most = 45, 70, 25, 1.0
	a := list[i]
	sin, cos := math.Sincos(float64(a.Angle) * math.Pi / 128)
	var change, squares float64
	n := 0
	for j, b := range list {
		dx, dy := float64(b.X-a.X), float64(a.Y-b.Y)
		along, left := dx*cos+dy*sin, dy*cos-dx*sin
		turn := halfTurn(float64(b.Angle-a.Angle) * math.Pi / 128)
		if j == i || a.Quality < poor || b.Quality < poor || math.Hypot(dx, dy) > reach || math.Abs(along) > beside || math.Abs(turn) > most {
			continue
		}
		change += turn * left
		squares += left * left
		n++
	}
	return change, n >= 3 && squares > 1500
}

// hullArea is the area of the convex hull of minutiae (Andrew's monotone chain), in square pixels.
func hullArea(list []finger.Minutia) float64 {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b finger.Minutia) int {
		if a.X != b.X {
			return int(a.X) - int(b.X)
		}
		return int(a.Y) - int(b.Y)
	})
	area := 0.0
	for range 2 {
		var chain []finger.Minutia
		for _, m := range sorted {
			for len(chain) > 1 && cross(chain[len(chain)-2], chain[len(chain)-1], m) <= 0 {
				chain = chain[:len(chain)-1]
			}
			chain = append(chain, m)
		}
		for i := 1; i < len(chain); i++ {
			area += float64(chain[i-1].X)*float64(chain[i].Y) - float64(chain[i].X)*float64(chain[i-1].Y)
		}
		slices.Reverse(sorted)
	}
	return area / 2
}

func cross(a, b, c finger.Minutia) float64 {
	return float64(b.X-a.X)*float64(c.Y-a.Y) - float64(b.Y-a.Y)*float64(c.X-a.X)
}

func TestPrintsHaveTheStatisticsOfRealOnes(t *testing.T) {
	got := takeCensus(slices.Collect(Prints(17, 800)))
	got.like(t, &realPrints, 1)
}

// TestPrintsBesideRealOnes compares with the tuning sets as extractor and comparison are today.
func TestPrintsBesideRealOnes(t *testing.T) {
	captured := captures(t)
	const impostors, mates = 250, 500
	var firsts, seconds []impression
	for i := range mates {
		f := PatternOf(17, i)
		firsts = append(firsts, ofPrint(t, fmt.Sprint(i), f.Impression(0)))
		seconds = append(seconds, ofPrint(t, fmt.Sprint(i), f.Impression(1)))
	}
	real, drawn := censusOf(captured), censusOf(append(slices.Clone(firsts), seconds...))
	drawn.like(t, &real, 1.5)

	genuine, impostor := scores(t, captured)
	var drawnGenuine []float64
	for i := range firsts {
		g, _ := scores(t, []impression{firsts[i], seconds[i]})
		drawnGenuine = append(drawnGenuine, g...)
	}
	slices.Sort(drawnGenuine)
	_, drawnImpostor := scores(t, firsts[:impostors])
	likeScores(t, genuine, impostor, drawnGenuine, drawnImpostor)
}

// likeScores holds what a search is judged on to real fingers: how far up strangers come, and how many mates stay below
// them. Distances are shares of that between the medians, whatever the unit of scores.
func likeScores(t *testing.T, genuine, impostor, drawnGenuine, drawnImpostor []float64) {
	t.Helper()
	unit := quantile(genuine, 0.5) - quantile(impostor, 0.5)
	for _, c := range []struct {
		name         string
		real, drawn  []float64
		at, distance float64
	}{
		{"genuine", genuine, drawnGenuine, 0.1, 0.15},
		{"genuine", genuine, drawnGenuine, 0.5, 0.12},
		{"genuine", genuine, drawnGenuine, 0.9, 0.3}, // easy mates are lost by no search
		{"impostor", impostor, drawnImpostor, 0.5, 0.04},
		{"impostor", impostor, drawnImpostor, 0.99, 0.03},
		{"impostor", impostor, drawnImpostor, 0.999, 0.05},
	} {
		real, drawn := quantile(c.real, c.at), quantile(c.drawn, c.at)
		t.Logf("%-8s %5.1f %% below %7.2f %7.2f", c.name, 100*c.at, drawn, real)
		if math.Abs(real-drawn) > c.distance*unit {
			t.Errorf("%.1f %% of the %s scores are below %.2f, of real ones below %.2f", 100*c.at, c.name, drawn, real)
		}
	}
	threshold := quantile(impostor, 0.9999)
	at := func(list []float64) float64 {
		n, _ := slices.BinarySearch(list, threshold)
		return float64(n) / float64(len(list))
	}
	t.Logf("below %.1f, which one real impostor of 10,000 reaches: %.3f of the mates, %.3f of real ones", threshold, at(drawnGenuine), at(genuine))
	if got, want := at(drawnGenuine), at(genuine); got < 0.6*want || got > 1.8*want+0.01 {
		t.Errorf("%.1f %% of the mates are missed where %.1f %% of real ones are", 100*got, 100*want)
	}
}

// captures are the tuning sets as the engine sees them. One finger is in two of them; it is left out of one.
func captures(t *testing.T) (list []impression) {
	t.Helper()
	for _, set := range realSets {
		files, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "data", "finger", set, "*.png"))
		if len(files) == 0 {
			t.Skipf("no fingerprints at ../shared/data/finger/%s beside the repository", set)
		}
		dpi := baseDPI
		if strings.HasPrefix(set, "fvc2004_db3") {
			dpi = 512
		}
		for _, path := range files {
			name := strings.ReplaceAll(set, "_", "-") + "/" + filepath.Base(path)
			if strings.HasPrefix(name, "fvc2004-db3-b/102_") {
				continue
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if m, ok := seen(t, name, matcher.Sample{Data: data, DPI: dpi}); ok {
				list = append(list, m)
			}
		}
	}
	return list
}

func censusOf(list []impression) census {
	var prints []finger.Print
	for _, m := range list {
		prints = append(prints, m.print)
	}
	return takeCensus(prints)
}
