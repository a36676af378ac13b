package httpapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"biogate/gateway"
	"biogate/gateway/intake"
)

// subject returns the subject of the path.
func (r request) subject() (string, error) {
	id, err := url.PathUnescape(r.c.Params("subject"))
	if err != nil {
		id = ""
	}
	return id, intake.Subject(id)
}

// gallery returns the gallery of the path.
func (r request) gallery() (string, error) {
	name, err := url.PathUnescape(r.c.Params("gallery"))
	if err != nil {
		name = ""
	}
	return name, intake.GalleryName(name)
}

func ok(body any) (answer, error) { return answer{status: http.StatusOK, body: body}, nil }

func readEnroll(s *Server, r request) (work, error) {
	id, err := r.subject()
	if err != nil {
		return work{}, err
	}
	req, err := intake.Enroll(id, r.body)
	return work{
		identity: func(w io.Writer) {
			identifyCaptures(w, req.Captures)
			if !req.ExpiresAt.IsZero() {
				_, _ = fmt.Fprintf(w, "%s", req.ExpiresAt)
			}
		},
		run: func(ctx context.Context) (answer, error) {
			res, err := s.deps.API.Enroll(ctx, req)
			return answer{status: http.StatusCreated, degraded: res.Degraded, body: enrolment{
				res.Subject, templatesOf(res.Templates), texts(res.Degraded), gateway.TraceID(ctx),
			}}, err
		},
	}, err
}

func readSubject(s *Server, r request) (work, error) {
	id, err := r.subject()
	return work{run: func(ctx context.Context) (answer, error) {
		res, err := s.deps.API.Subject(ctx, id)
		return answer{status: http.StatusOK, degraded: res.Degraded, body: subject{
			res.Subject, templatesOf(res.Templates), texts(res.Galleries), texts(res.Degraded), gateway.TraceID(ctx),
		}}, err
	}}, err
}

func readForget(s *Server, r request) (work, error) {
	id, err := r.subject()
	return work{run: func(ctx context.Context) (answer, error) {
		res, err := s.deps.API.Forget(ctx, id)
		return answer{status: http.StatusOK, degraded: res.Degraded, body: deletion{
			res.Subject, res.Templates, res.Receipt, texts(res.Degraded), gateway.TraceID(ctx),
		}}, err
	}}, err
}

func readVerify(s *Server, r request) (work, error) {
	req, err := intake.Verify(r.body)
	req.Arrived = time.Now()
	return work{run: func(ctx context.Context) (answer, error) {
		res, err := s.deps.API.Verify(ctx, req)
		return answer{
			status: http.StatusOK, degraded: res.Degraded, decision: res.Decision, notBefore: res.NotBefore,
			body: outcomeOf(res, gateway.TraceID(ctx)),
		}, err
	}}, err
}

func readIdentify(s *Server, r request) (work, error) {
	req, err := intake.Identify(r.body)
	req.Arrived = time.Now()
	return work{run: func(ctx context.Context) (answer, error) {
		res, err := s.deps.API.Identify(ctx, req)
		return answer{status: http.StatusOK, degraded: res.Degraded, decision: res.Decision, body: identification{
			outcome: outcomeOf(res.Outcome, gateway.TraceID(ctx)),
			Gallery: req.Gallery, Searched: res.Searched, FPIR: res.FPIR,
			Candidates: list(res.Candidates, func(_ int, c gateway.Candidate) candidate {
				return candidate{c.Subject, c.FMR, c.Extrapolated, comparisonsOf(c.Scores)}
			}),
		}}, err
	}}, err
}

func readChallenge(s *Server, r request) (work, error) {
	q, err := intake.Challenge(r.body)
	return work{run: func(ctx context.Context) (answer, error) {
		issued, err := s.deps.API.Challenge(ctx, q)
		return answer{status: http.StatusCreated, body: nonceOf(issued, gateway.TraceID(ctx))}, err
	}}, err
}

func readPutGallery(s *Server, r request) (work, error) {
	name, err := r.gallery()
	if err != nil {
		return work{}, err
	}
	g, err := intake.Gallery(name, r.body)
	return work{
		identity: func(w io.Writer) { _, _ = fmt.Fprintf(w, "%q %s %t", g.Purpose, g.ExpiresAt, g.EraseMembers) },
		run: func(ctx context.Context) (answer, error) {
			info, created, err := s.deps.API.PutGallery(ctx, g)
			a := answer{status: http.StatusOK, body: galleryOf(info, gateway.TraceID(ctx))}
			if created {
				a.status = http.StatusCreated
			}
			return a, err
		},
	}, err
}

func readGallery(s *Server, r request) (work, error) {
	name, err := r.gallery()
	return work{run: func(ctx context.Context) (answer, error) {
		info, err := s.deps.API.Gallery(ctx, name)
		return answer{status: http.StatusOK, body: galleryOf(info, gateway.TraceID(ctx))}, err
	}}, err
}

func readDeleteGallery(s *Server, r request) (work, error) {
	name, err := r.gallery()
	return work{run: func(ctx context.Context) (answer, error) {
		end, err := s.deps.API.DeleteGallery(ctx, name)
		return answer{status: http.StatusOK, degraded: end.Degraded, body: galleryEndOf(end, gateway.TraceID(ctx))}, err
	}}, err
}

func readGalleryReceipt(s *Server, r request) (work, error) {
	name, err := r.gallery()
	return work{run: func(ctx context.Context) (answer, error) {
		end, err := s.deps.API.Ended(ctx, name)
		return answer{status: http.StatusOK, body: galleryEndOf(end, gateway.TraceID(ctx))}, err
	}}, err
}

// member returns the gallery and the subject of the path.
func (r request) member() (gallery, subject string, err error) {
	if gallery, err = r.gallery(); err == nil {
		subject, err = r.subject()
	}
	return gallery, subject, err
}

func readAddMember(s *Server, r request) (work, error) {
	name, id, err := r.member()
	if err != nil {
		return work{}, err
	}
	m, err := intake.Member(id, r.body)
	return work{
		identity: func(w io.Writer) { _, _ = io.WriteString(w, m.Group) },
		run: func(ctx context.Context) (answer, error) {
			results, err := s.deps.API.AddMembers(ctx, name, []gateway.Membership{m})
			if err != nil {
				return answer{}, err
			}
			for _, one := range results {
				if one.Err != nil {
					return answer{}, one.Err
				}
			}
			return ok(membership{name, id, m.Group, gateway.TraceID(ctx)})
		},
	}, err
}

func readRemoveMember(s *Server, r request) (work, error) {
	name, id, err := r.member()
	return work{run: func(ctx context.Context) (answer, error) {
		if err := s.deps.API.RemoveMember(ctx, name, id); err != nil {
			return answer{}, err
		}
		return ok(membership{Gallery: name, Subject: id, Trace: gateway.TraceID(ctx)})
	}}, err
}

func readAddMembers(s *Server, r request) (work, error) {
	name, err := r.gallery()
	if err != nil {
		return work{}, err
	}
	members, err := intake.Members(r.body)
	return work{
		identity: func(w io.Writer) { identifyMembers(w, members) },
		run: func(ctx context.Context) (answer, error) {
			results, err := s.deps.API.AddMembers(ctx, name, members)
			if err != nil {
				return answer{}, err
			}
			return ok(additionsOf(name, results, gateway.TraceID(ctx)))
		},
	}, err
}

func additionsOf(name string, results []gateway.MemberResult, trace string) additions {
	a := additions{Gallery: name, Refused: []refusedMember{}, Trace: trace}
	for _, m := range results {
		if m.Err == nil {
			a.Added++
			continue
		}
		p := newProblem(m.Err, trace)
		a.Refused = append(a.Refused, refusedMember{m.Subject, p.Code, p.Detail})
	}
	return a
}
