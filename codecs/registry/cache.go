package registry

import "container/list"

// Cache is a bounded map that forgets what was not used for longest. It is used from one goroutine
// and keeps at least one entry.
type Cache[K comparable, V any] struct {
	size    int
	entries map[K]*list.Element
	order   *list.List // of *cached, last used first
}

// cached is an entry with its key, by which it is forgotten.
type cached[K comparable, V any] struct {
	key   K
	value V
}

// NewCache is an empty cache of a size.
func NewCache[K comparable, V any](size int) *Cache[K, V] {
	return &Cache[K, V]{size: max(size, 1), entries: map[K]*list.Element{}, order: list.New()}
}

// Get returns what is kept for the key and whether there is anything.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	e := c.entries[key]
	if e == nil {
		return value, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached[K, V]).value, true
}

// Put keeps a value, in place of the key's last one.
func (c *Cache[K, V]) Put(key K, value V) {
	if e := c.entries[key]; e != nil {
		e.Value.(*cached[K, V]).value = value
		c.order.MoveToFront(e)
		return
	}
	c.entries[key] = c.order.PushFront(&cached[K, V]{key, value})
	if len(c.entries) > c.size {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.entries, last.Value.(*cached[K, V]).key)
	}
}
