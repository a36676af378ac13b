package httpapi

func readDocs(s *Server, _ request) (work, error) {
	return fixed("text/html; charset=utf-8", []byte("<!doctype html>"))
}
