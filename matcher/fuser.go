package matcher

// Fuser is what an Engine is besides when it can make one reference of several captures.
type Fuser interface {
	// Fuse makes one template of all templates that show the same face or finger, as far as it can tell by comparing them.
	// Each template is part of exactly one result; a result of one template is that template, unchanged. It refuses templates
	// of another model (CodeModelMismatch) and templates of different positions (CodeBadParameter).
	Fuse(templates []Template) ([]FusedTemplate, error)
}

// FusedTemplate is a template and what it was made of.
type FusedTemplate struct {
	Template Template
	Of       []int // indices of templates, ascending, at least one
}
