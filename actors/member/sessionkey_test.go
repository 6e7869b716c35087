package member

import (
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/storage"
)

func TestKeyLife(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	key := func(algorithm string, bytes int, age time.Duration) *storage.SessionKey {
		return &storage.SessionKey{Key: make([]byte, bytes), Algorithm: algorithm, Created: now.Add(-age)}
	}
	hour := settings.Sessions{KeyAlgorithm: "HmacSHA256", KeyTTL: time.Hour}
	for what, tt := range map[string]struct {
		key  *storage.SessionKey
		conf settings.Sessions
		left time.Duration
		ok   bool
	}{
		"none":              {nil, hour, 0, false},
		"young":             {key("HmacSHA256", 32, 20*time.Minute), hour, 40 * time.Minute, true},
		"too old":           {key("HmacSHA256", 32, time.Hour), hour, 0, false},
		"never too old":     {key("HmacSHA256", 32, 1000*time.Hour), settings.Sessions{KeyAlgorithm: "HmacSHA256"}, 0, true},
		"another algorithm": {key("HmacSHA1", 64, 0), hour, 0, false},
		"another length":    {key("HmacSHA256", 16, 0), hour, 0, false},
		"length in bits":    {key("HmacSHA256", 17, 0), settings.Sessions{KeyAlgorithm: "hmacsha256", KeySize: 129, KeyTTL: time.Hour}, time.Hour, true},
		"Java's lengths":    {key("HmacSHA1", 64, 0), settings.Sessions{KeyAlgorithm: "HmacSHA1", KeyTTL: time.Hour}, time.Hour, true},
	} {
		if left, ok := keyLife(tt.key, tt.conf, now); ok != tt.ok || ok && left != tt.left {
			t.Errorf("%s: %v %v", what, left, ok)
		}
	}
}

// Without inter.worker.key.size a key is as long as the one that OpenJDK 17's generator makes: a cluster that
// is moved over keeps its key.
func TestKeyLength(t *testing.T) {
	for algorithm, want := range map[string]int{
		"HmacMD5": 64, "HmacSHA1": 64, "HmacSHA224": 28, "HmacSHA256": 32, "HmacSHA384": 48, "HmacSHA512": 64,
		"HmacSHA512/224": 28, "HmacSHA512/256": 32, "hmacsha512/256": 32,
	} {
		if got := keyLength(settings.Sessions{KeyAlgorithm: algorithm}); got != want {
			t.Errorf("%s: %d bytes, want %d", algorithm, got, want)
		}
	}
	for bits, want := range map[int]int{1: 1, 8: 1, 9: 2, 256: 32} {
		if got := keyLength(settings.Sessions{KeyAlgorithm: "HmacSHA384", KeySize: bits}); got != want {
			t.Errorf("%d bits: %d bytes, want %d", bits, got, want)
		}
	}
}
