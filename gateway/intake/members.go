package intake

import (
	"bytes"
	"mime"
	"strconv"

	"biogate/gateway"
)

// Members reads a list of members, one JSON object a line: {"subject":"...","group":"..."}, the group where there is one.
// Blank lines are passed over.
func Members(b Body) ([]gateway.Membership, error) {
	switch mediaType, _, _ := mime.ParseMediaType(b.ContentType); mediaType {
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
	default:
		return nil, refuse(gateway.Unsupported, CodeMediaType, "a list of members is application/x-ndjson")
	}
	var members []gateway.Membership
	line := 0
	for text := range bytes.Lines(b.Bytes) {
		line++
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		if len(members) == maxMembers {
			return nil, refuse(gateway.TooLarge, CodeManyMembers, "a list has at most %d members", maxMembers)
		}
		m, err := member(text)
		if err != nil {
			err.Detail = "line " + strconv.Itoa(line) + ": " + err.Detail
			return nil, err
		}
		members = append(members, m)
	}
	if len(members) == 0 {
		return nil, malformed(CodeBodyEmpty, "the list is empty")
	}
	return members, nil
}

func member(text []byte) (m gateway.Membership, refused *gateway.Error) {
	err := readJSON(text, func(r *jsonReader) {
		r.object(field{"subject", func() { m.Subject = r.str() }}, field{"group", func() { m.Group = r.group() }})
	})
	if err == nil {
		err = Subject(m.Subject)
	}
	if err != nil {
		return gateway.Membership{}, gateway.AsError(err)
	}
	return m, nil
}

// Member reads what the membership of subject, who came with the path, shall be. An empty body states no group.
func Member(subject string, b Body) (gateway.Membership, error) {
	m := gateway.Membership{Subject: subject}
	if err := Subject(subject); err != nil || len(b.Bytes) == 0 {
		return m, err
	}
	if mediaType, _, err := mime.ParseMediaType(b.ContentType); err != nil || mediaType != "application/json" {
		return m, refuse(gateway.Unsupported, CodeMediaType, "a membership is described in application/json")
	}
	err := readJSON(b.Bytes, func(r *jsonReader) { r.object(field{"group", func() { m.Group = r.group() }}) })
	return m, err
}

func (r *jsonReader) group() string {
	name := r.str()
	if err := GroupName(name); r.err == nil && err != nil {
		r.refuse(gateway.AsError(err))
	}
	return name
}

// among reads the subjects that a search is confined to.
func (r *jsonReader) among() (subjects []string) {
	r.array(func(i int) {
		if i == maxAmong {
			r.fail(CodeSubjects, "a search is confined to at most %d subjects", maxAmong)
			return
		}
		id := r.str()
		if err := Subject(id); r.err == nil && err != nil {
			r.refuse(gateway.AsError(err))
		}
		subjects = append(subjects, id)
	})
	if r.err == nil && len(subjects) == 0 {
		r.fail(CodeSubjects, "a search is confined to at least one subject; left out, it is not confined")
	}
	return subjects
}
