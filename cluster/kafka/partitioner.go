package kafka

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/security"
)

// partitioner honours a record's Partition and leaves the others to Java's way: murmur2 of the key,
// or for records without key one partition for some KiB and then another.
type partitioner struct{ inner kgo.Partitioner }

func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	inner := p.inner.ForTopic(topic)
	if byBackup, ok := inner.(kgo.TopicBackupPartitioner); ok {
		return backupPartitioner{byBackup}
	}
	return plainPartitioner{inner}
}

type plainPartitioner struct{ kgo.TopicPartitioner }

func (p plainPartitioner) RequiresConsistency(r *Record) bool {
	return r.Partition >= 0 || p.TopicPartitioner.RequiresConsistency(r)
}

func (p plainPartitioner) Partition(r *Record, n int) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return p.TopicPartitioner.Partition(r, n)
}

type backupPartitioner struct{ kgo.TopicBackupPartitioner }

func (p backupPartitioner) RequiresConsistency(r *Record) bool {
	return r.Partition >= 0 || p.TopicBackupPartitioner.RequiresConsistency(r)
}

func (p backupPartitioner) PartitionByBackup(r *Record, n int, backup kgo.TopicBackupIter) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return p.TopicBackupPartitioner.PartitionByBackup(r, n, backup)
}

// readPartitioner takes Java's partitioner.* settings.
func readPartitioner(r *security.Reader) kgo.Partitioner {
	adaptive := r.Boolean("partitioner.adaptive.partitioning.enable", true)
	ignoreKeys := r.Boolean("partitioner.ignore.keys", false)
	stick := int(r.Int("batch.size", 64<<10, 0))
	switch r.Str("partitioner.class", "") {
	default: // readClasses refuses others
		return partitioner{kgo.UniformBytesPartitioner(max(stick, 1), adaptive, !ignoreKeys, nil)}
	case roundRobin:
		return partitioner{kgo.RoundRobinPartitioner()}
	}
}
