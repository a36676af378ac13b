package main

import (
	"log/slog"
	"sync"

	"biogate/gateway"
)

// spoken is an observer that tells the log, too, when a system ceases to answer and when it answers again.
type spoken struct {
	gateway.Observer
	log  *slog.Logger
	mu   sync.Mutex
	away map[string]bool
}

func speak(o gateway.Observer, log *slog.Logger) *spoken {
	return &spoken{Observer: o, log: log, away: map[string]bool{}}
}

// Breaker: a breaker that tries and opens again is the same outage, and told once.
func (s *spoken) Breaker(system, state string) {
	s.Observer.Breaker(system, state)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case state == "open" && !s.away[system]:
		s.away[system] = true
		s.log.Warn("a system does not answer, its breaker is open", "system", system)
	case state == "closed" && s.away[system]:
		s.away[system] = false
		s.log.Info("the system answers again", "system", system)
	}
}
