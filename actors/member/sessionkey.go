package member

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/storage"
)

// renewSessionKey writes a new session key if there is none that fits the settings, or the present
// one is too old (KIP-507). It returns how long until the next is due, 0 for never. The write waits its turn
// among those of the leader and is refused with *Elsewhere once another worker leads. The key itself is
// never logged.
func (l *Leader) renewSessionKey(ctx context.Context) (time.Duration, error) {
	conf := l.m.cfg.Settings.Sessions
	if left, ok := keyLife(l.m.cfg.Configs.Snapshot().SessionKey(), conf, time.Now()); ok {
		return left, nil
	}
	secret := make([]byte, keyLength(conf))
	if _, err := rand.Read(secret); err != nil {
		return 0, err
	}
	key := storage.SessionKey{Key: secret, Algorithm: conf.KeyAlgorithm, Created: time.Now()}
	err := l.Write(ctx, "distribute session keys", "writing a new session key to the config topic", func(ctx context.Context) error {
		return l.m.cfg.Configs.PutSessionKey(ctx, key)
	})
	if err != nil {
		return 0, err
	}
	l.m.log.Info("new session key distributed to all workers", "algorithm", conf.KeyAlgorithm, "valid_for", conf.KeyTTL)
	return conf.KeyTTL, nil
}

// keyLife is how long a key may be used yet, 0 for ever (inter.worker.key.ttl.ms is 0); false if there has to
// be another. The age is by the clock of the worker that made the key.
func keyLife(key *storage.SessionKey, conf settings.Sessions, now time.Time) (time.Duration, bool) {
	if key == nil || !strings.EqualFold(key.Algorithm, conf.KeyAlgorithm) || len(key.Key) != keyLength(conf) {
		return 0, false
	}
	if conf.KeyTTL == 0 {
		return 0, true
	}
	left := key.Created.Add(conf.KeyTTL).Sub(now)
	return left, left > 0
}

// keyLength is the length of session keys in bytes: inter.worker.key.size, which is in bits, rounded up;
// or what Java's generator of the algorithm makes (OpenJDK 17). Names of algorithms are told apart
// regardless of case, as in Java.
func keyLength(conf settings.Sessions) int {
	if conf.KeySize > 0 {
		return (conf.KeySize + 7) / 8
	}
	switch strings.ToLower(conf.KeyAlgorithm) {
	case "hmacsha224", "hmacsha512/224":
		return 28
	case "hmacsha256", "hmacsha512/256":
		return 32
	case "hmacsha384":
		return 48
	}
	return 64 // HmacSHA512, and the old ones, HmacMD5 and HmacSHA1
}
