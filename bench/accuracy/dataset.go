package accuracy

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"biogate/matcher"
)

// Capture is one file of a data set.
type Capture struct {
	Name    string // relative to the data set, slashes, no extension
	Path    string
	Subject int  // index into Dataset.Subjects
	Number  int  // impression, for fingers; order of appearance otherwise
	DPI     int  // 0: not stated
	Set     int  // which of the pooled data sets; 0 in a set by itself
	Wrong   bool // known to show another subject than its name says
}

// Dataset is a set of captures of known subjects: fingers are subjects of their own.
type Dataset struct {
	Name     string
	Modality matcher.Modality
	Subjects []string
	Captures []Capture // by subject, then number
}

// pictures are the extensions that a data set is searched for unless it is told another.
var pictures = []string{".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".wsq", ".jp2", ".j2k"}

// Load reads the layout of dir: fingers `<finger>_<impression>.<ext>`, faces `<person>/<image>.<ext>`.
// ext picks one kind of file ("iso"); empty means pictures. dpi is for fingers alone, 0 means the usual one of the set.
func Load(dir string, modality matcher.Modality, ext string, dpi int) (Dataset, error) {
	var set Dataset
	var err error
	switch modality {
	case matcher.Finger:
		set, err = loadFingers(dir, extensions(ext), dpi)
	case matcher.Face:
		set, err = loadFaces(dir, extensions(ext))
	default:
		err = fmt.Errorf("modality %q has no data set layout", modality)
	}
	if err == nil && len(set.Subjects) < 2 {
		err = fmt.Errorf("%d subjects with files %s: two are needed for an impostor comparison", len(set.Subjects), strings.Join(extensions(ext), " "))
	}
	if err != nil {
		return Dataset{}, fmt.Errorf("data set %s: %w", dir, err)
	}
	set.Name, set.Modality = filepath.Base(filepath.Clean(dir)), modality
	return set, nil
}

func extensions(ext string) []string {
	if ext == "" {
		return pictures
	}
	return []string{"." + strings.ToLower(strings.TrimPrefix(ext, "."))}
}

func loadFingers(dir string, exts []string, dpi int) (Dataset, error) {
	if dpi == 0 {
		dpi = usualDPI(dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Dataset{}, err
	}
	var set Dataset
	subject := map[string]int{}
	seen := map[string]string{}
	for _, e := range entries {
		ext := strings.ToLower(filepath.Ext(e.Name()))
		if e.IsDir() || !slices.Contains(exts, ext) {
			continue
		}
		name := strings.TrimSuffix(e.Name(), filepath.Ext(e.Name()))
		finger, number, err := fingerName(name)
		if err != nil {
			return Dataset{}, fmt.Errorf("%s: %w", e.Name(), err)
		}
		if other, twice := seen[name]; twice {
			return Dataset{}, fmt.Errorf("%s and %s show the same impression: say which kind of file counts (--ext)", other, e.Name())
		}
		seen[name] = e.Name()
		set.add(subject, finger, Capture{Name: name, Path: filepath.Join(dir, e.Name()), Number: number, DPI: dpi})
	}
	set.order()
	return set, nil
}

// fingerName splits `<finger>_<impression>`.
func fingerName(name string) (finger string, impression int, err error) {
	cut := strings.LastIndexByte(name, '_')
	if cut > 0 {
		impression, err = strconv.Atoi(name[cut+1:])
	}
	if cut <= 0 || err != nil || impression < 0 {
		return "", 0, errors.New("the name is not <finger>_<impression>, like 101_1")
	}
	return name[:cut], impression, nil
}

// usualDPI is 500 but for the sets of the Fingerprint Verification Competitions whose organisers state otherwise (Maltoni et
// al., Handbook of Fingerprint Recognition, chapter 4).
func usualDPI(dir string) int {
	name := filepath.Base(filepath.Clean(dir))
	for set, dpi := range map[string]int{"fvc2002_db2": 569, "fvc2004_db3": 512, "fvc2006_db1": 250, "fvc2006_db2": 569} {
		if strings.HasPrefix(name, set) {
			return dpi
		}
	}
	return 500
}

func loadFaces(dir string, exts []string) (Dataset, error) {
	people, err := os.ReadDir(dir)
	if err != nil {
		return Dataset{}, err
	}
	var set Dataset
	subject := map[string]int{}
	for _, p := range people {
		if !p.IsDir() {
			continue
		}
		images, err := os.ReadDir(filepath.Join(dir, p.Name()))
		if err != nil {
			return Dataset{}, err
		}
		for i, e := range images {
			if e.IsDir() || !slices.Contains(exts, strings.ToLower(filepath.Ext(e.Name()))) {
				continue
			}
			name := p.Name() + "/" + strings.TrimSuffix(e.Name(), filepath.Ext(e.Name()))
			set.add(subject, p.Name(), Capture{Name: name, Path: filepath.Join(dir, p.Name(), e.Name()), Number: i})
		}
	}
	set.order()
	return set, nil
}

// Firsts keeps the first capture of each subject.
func (d Dataset) Firsts() Dataset {
	first := d
	first.Captures = nil
	for i, c := range d.Captures {
		if i == 0 || c.Subject != d.Captures[i-1].Subject {
			first.Captures = append(first.Captures, c)
		}
	}
	return first
}

func (d *Dataset) add(index map[string]int, subject string, c Capture) {
	i, known := index[subject]
	if !known {
		i = len(d.Subjects)
		index[subject] = i
		d.Subjects = append(d.Subjects, subject)
	}
	c.Subject = i
	d.Captures = append(d.Captures, c)
}

func (d *Dataset) order() {
	slices.SortStableFunc(d.Captures, func(a, b Capture) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Number, b.Number), strings.Compare(a.Name, b.Name))
	})
}

// LoadPairs reads a CSV `file_x,file_y,Decision` whose captures lie in dir, or beside file when dir is empty; Decision is
// Yes (same subject) or No. Subjects are what the pairs with Yes join. The plan compares exactly the pairs of the file.
func LoadPairs(file, dir string, modality matcher.Modality, dpi int) (Dataset, Plan, error) {
	rows, err := readPairs(file)
	if err != nil {
		return Dataset{}, nil, fmt.Errorf("pairs %s: %w", file, err)
	}
	if dir == "" {
		dir = filepath.Dir(file)
	}
	if dpi == 0 && modality == matcher.Finger {
		dpi = usualDPI(dir)
	}
	set := Dataset{Name: filepath.Base(filepath.Clean(dir)), Modality: modality}
	index := map[string]int{}
	joined := components{}
	capture := func(name string) int {
		i, known := index[name]
		if !known {
			i = len(set.Captures)
			index[name] = i
			joined = append(joined, i)
			set.Captures = append(set.Captures, Capture{Name: name, Path: filepath.Join(dir, filepath.FromSlash(name)), Number: i, DPI: dpi})
		}
		return i
	}
	var plan Plan
	for _, r := range rows {
		if !filepath.IsLocal(r.x) || !filepath.IsLocal(r.y) {
			return Dataset{}, nil, fmt.Errorf("pairs %s: line %d: %s or %s leads out of the folder", file, r.line, r.x, r.y)
		}
		x, y := capture(r.x), capture(r.y)
		plan = plan.with(y, x)
		if r.same {
			joined.join(x, y)
		}
	}
	subject := map[string]int{}
	for i := range set.Captures {
		root := joined.root(i)
		set.setSubject(subject, i, set.Captures[root].Name)
	}
	for _, r := range rows {
		x, y := set.Captures[index[r.x]], set.Captures[index[r.y]]
		if !r.same && x.Subject == y.Subject {
			return Dataset{}, nil, fmt.Errorf("pairs %s: line %d says that %s and %s differ, other lines join them", file, r.line, r.x, r.y)
		}
	}
	return set, plan.sized(len(set.Captures)), nil
}

func (d *Dataset) setSubject(index map[string]int, capture int, subject string) {
	i, known := index[subject]
	if !known {
		i = len(d.Subjects)
		index[subject] = i
		d.Subjects = append(d.Subjects, subject)
	}
	d.Captures[capture].Subject = i
}

type pairRow struct {
	x, y string
	same bool
	line int
}

func readPairs(file string) ([]pairRow, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parsePairs(f)
}

func parsePairs(r io.Reader) ([]pairRow, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = 3
	in.TrimLeadingSpace = true
	var rows []pairRow
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		line, _ := in.FieldPos(0)
		decision := strings.ToLower(strings.TrimSpace(fields[2]))
		if line == 1 && decision == "decision" {
			continue
		}
		if decision != "yes" && decision != "no" {
			return nil, fmt.Errorf("line %d: the decision is %q, it must be Yes or No", line, fields[2])
		}
		rows = append(rows, pairRow{x: strings.TrimSpace(fields[0]), y: strings.TrimSpace(fields[1]), same: decision == "yes", line: line})
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("no pairs: %w", fs.ErrInvalid)
	}
	return rows, nil
}

// components is a union-find forest over captures.
type components []int

func (c components) root(i int) int {
	for c[i] != i {
		c[i] = c[c[i]]
		i = c[i]
	}
	return i
}

func (c components) join(i, j int) { c[c.root(j)] = c.root(i) }

// Pool makes one data set of several, so that captures of different sets can meet, and corrects the known mistakes in their
// labels: a subject under two names is one, and NewPlan leaves mislabelled captures out.
func Pool(sets []Dataset) (Dataset, error) {
	pool := Dataset{Modality: sets[0].Modality}
	var names []string
	index := map[string]int{}
	for set, s := range sets {
		if slices.Contains(names, s.Name) {
			return Dataset{}, fmt.Errorf("data set %s is given twice", s.Name)
		}
		for _, other := range names {
			if sharesPeople(s.Name, other) {
				return Dataset{}, fmt.Errorf("data sets %s and %s show the same people: pool only one of them", other, s.Name)
			}
		}
		names = append(names, s.Name)
		for _, c := range s.Captures {
			c.Set, c.Name = set, s.Name+"/"+c.Name
			c.Wrong = isMislabelled(c.Name)
			pool.add(index, oneSubject(s.Name+"/"+s.Subjects[c.Subject]), c)
		}
	}
	pool.Name = strings.Join(names, "+")
	return pool, nil
}

func sharesPeople(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	for _, p := range sharedPeople {
		if strings.HasPrefix(a, p[0]) && strings.HasPrefix(b, p[1]) || strings.HasPrefix(a, p[1]) && strings.HasPrefix(b, p[0]) {
			return true
		}
	}
	return false
}
