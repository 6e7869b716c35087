package registry_test

import (
	"fmt"
	"net/url"
	"sync"
	"testing"

	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
)

// A cache forgets what was not used for longest, and keeps at least what was put in last.
func TestCacheForgets(t *testing.T) {
	c := registry.NewCache[string, int](2)
	c.Put("a", 1)
	c.Put("b", 2)
	if v, ok := c.Get("a"); !ok || v != 1 {
		t.Errorf("a is %d, %t", v, ok)
	}
	c.Put("c", 3) // b was not used for longest
	c.Put("a", 4) // in place, and so pushes nothing out
	for key, want := range map[string]int{"a": 4, "b": 0, "c": 3} {
		if v, ok := c.Get(key); v != want || ok != (want > 0) {
			t.Errorf("%s is %d, %t, want %d", key, v, ok, want)
		}
	}
	for _, size := range []int{0, -5} {
		c := registry.NewCache[string, int](size)
		c.Put("a", 1)
		c.Put("b", 2)
		if _, ok := c.Get("a"); ok {
			t.Errorf("a cache of %d keeps two", size)
		}
		if v, ok := c.Get("b"); !ok || v != 2 {
			t.Errorf("a cache of %d keeps nothing", size)
		}
	}
}

// Sessions with the same settings share a client, others have their own, however many ask at once.
func TestPoolByItsSettings(t *testing.T) {
	var mu sync.Mutex
	made := map[string]int{}
	pool := registry.NewPool(registry.WithScheme("mock", func(u *url.URL) (registry.Client, error) {
		mu.Lock()
		defer mu.Unlock()
		made[u.Host]++
		return registrytest.NewFake(), nil
	}))
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			s := open(t, pool, map[string]string{"schema.registry.url": fmt.Sprint("mock://r", i%3), "max.retries": fmt.Sprint(i % 2)})
			if got, err := s.Target("t", intSchema, ""); err != nil || got.ID != 1 {
				t.Errorf("target is %+v, %v", got, err)
			}
		})
	}
	wg.Wait()
	for host, n := range made {
		if n != 2 {
			t.Errorf("%d clients for %s, want one for each of two settings", n, host)
		}
	}
	if len(made) != 3 {
		t.Errorf("clients for %v", made)
	}
}
