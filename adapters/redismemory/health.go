package redismemory

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Health is what an operator should know of the server.
type Health struct {
	UsedBytes int64
	MaxBytes  int64         // 0: no limit is set
	Policy    string        // what goes when it is full; anything but noeviction makes it forget what was used
	Ahead     time.Duration // of its clock before ours, to some milliseconds
}

// Health asks the server for its memory and its time.
func (m *Memory) Health(ctx context.Context) (h Health, err error) {
	info, err := m.client.Info(ctx, "memory").Result()
	if err != nil {
		return h, err
	}
	if h, err = parseHealth(info); err != nil {
		return h, err
	}
	asked := m.o.Now()
	now, err := m.client.Time(ctx).Result()
	h.Ahead = now.Sub(asked.Add(m.o.Now().Sub(asked) / 2))
	return h, err
}

func parseHealth(info string) (h Health, err error) {
	numbers := map[string]*int64{"used_memory": &h.UsedBytes, "maxmemory": &h.MaxBytes}
	found := 0
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "maxmemory_policy" {
			h.Policy = value
		}
		if n := numbers[name]; n != nil {
			if *n, err = strconv.ParseInt(value, 10, 64); err != nil {
				return h, fmt.Errorf("redis: INFO says %s is no number", name)
			}
			found++
		}
	}
	if h.Policy == "" || found != len(numbers) {
		return h, errors.New("redis: the server does not say how its memory is used (INFO memory)")
	}
	return h, nil
}
