package intake

import (
	"bytes"
	"mime"
	"strconv"

	"biogate/gateway"
)

// Members reads a list of subjects, one JSON object a line: {"subject":"..."}. Blank lines are passed over.
func Members(b Body) ([]string, error) {
	switch mediaType, _, _ := mime.ParseMediaType(b.ContentType); mediaType {
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
	default:
		return nil, refuse(gateway.Unsupported, CodeMediaType, "a list of members is application/x-ndjson")
	}
	var subjects []string
	line := 0
	for text := range bytes.Lines(b.Bytes) {
		line++
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		if len(subjects) == maxMembers {
			return nil, refuse(gateway.TooLarge, CodeManyMembers, "a list has at most %d members", maxMembers)
		}
		subject, err := member(text)
		if err != nil {
			err.Detail = "line " + strconv.Itoa(line) + ": " + err.Detail
			return nil, err
		}
		subjects = append(subjects, subject)
	}
	if len(subjects) == 0 {
		return nil, malformed(CodeBodyEmpty, "the list is empty")
	}
	return subjects, nil
}

func member(text []byte) (subject string, refused *gateway.Error) {
	err := readJSON(text, func(r *jsonReader) {
		r.object(field{"subject", func() { subject = r.str() }})
	})
	if err == nil {
		err = Subject(subject)
	}
	if err != nil {
		return "", gateway.AsError(err)
	}
	return subject, nil
}
