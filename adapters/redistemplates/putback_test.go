package redistemplates

import (
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"biogate/gateway"
	"biogate/gateway/porttest"
)

// Who may write to Redis kept what a gateway wrote there, and puts it back after the subject was deleted: nobody is known by it.
func TestDeletedIsNotKnownAgainFromACopyOfRedis(t *testing.T) {
	server := porttest.StartRedis(t)
	r := house(t, server.URL())
	eventually(t, "the cache is in use", func() bool { r.Start(t.Context()); return len(r.Degraded()) == 0 })
	_, _, err := r.Update(t.Context(), "a", func(gateway.References) (gateway.References, error) { return porttest.Refs("a", 1, 1), nil })
	if err != nil {
		t.Fatal(err)
	}
	o, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	insider := redis.NewClient(o)
	t.Cleanup(func() { _ = insider.Close() })
	kept := map[string]string{}
	for _, key := range insider.Keys(t.Context(), "*").Val() {
		kept[key] = insider.Get(t.Context(), key).Val()
	}
	if _, _, err := r.Forget(t.Context(), "a", nil); err != nil || len(kept) == 0 {
		t.Fatal(err, len(kept))
	}
	for key, value := range kept {
		if err := insider.Set(t.Context(), key, value, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if held, _, err := r.Get(t.Context(), "a"); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("%d templates of who was deleted, %v", len(held.Templates), err)
	}
}
