package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// InitTransactions registers the transactional.id: producers before this one with the same are
// fenced and what they left open is aborted. It waits until that is done, or ctx ends. A failure that
// may pass (see Classify) can be tried again.
func (p *Producer) InitTransactions(ctx context.Context) error {
	if err := p.reach(ctx); err != nil {
		return failed(err, "begin to use transactional id %s", p.cfg.transactionalID)
	}
	_, _, err := p.client.ProducerID(ctx)
	return failed(err, "begin to use transactional id %s", p.cfg.transactionalID)
}

// markerTime is how long after the end of a transaction the next one begins at the earliest. The broker
// answers when the end is decided, and writes its marks to the partitions then: records that come
// sooner find the transaction unfinished, and the broker looks again after 20 ms only
// (add.partitions.to.txn.retry.backoff.ms). On one broker a transaction of one record takes 2 ms with
// this and 13 to 20 ms without.
const markerTime = time.Millisecond

// BeginTransaction starts a transaction; records can be produced only in one. Right after another it
// waits for a moment. Transactions are begun and ended by one goroutine.
func (p *Producer) BeginTransaction() error {
	if wait := markerTime - time.Since(p.ended); wait > 0 {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-p.done:
		}
		timer.Stop()
	}
	p.lost.Store(nil)
	return failed(p.client.BeginTransaction(), "begin a transaction")
}

// CommitTransaction waits for all records of the transaction and commits it. When one of them could
// not be written nothing is committed, and the error is that record's. After an error that is Fenced
// the producer is of no more use; after others the transaction can be aborted. When the answer of the
// broker did not arrive the transaction may have been committed.
func (p *Producer) CommitTransaction(ctx context.Context) error {
	if err := p.client.Flush(ctx); err != nil {
		return failed(err, "flush the transaction")
	}
	if lost := p.lost.Load(); lost != nil {
		return failed(*lost, "write a record of the transaction")
	}
	err := p.client.EndTransaction(ctx, kgo.TryCommit)
	p.ended = time.Now()
	return failed(err, "commit the transaction")
}

// AbortTransaction drops what is buffered and aborts the transaction.
func (p *Producer) AbortTransaction(ctx context.Context) error {
	if err := p.client.AbortBufferedRecords(ctx); err != nil {
		return failed(err, "drop the records of the transaction")
	}
	err := p.client.EndTransaction(ctx, kgo.TryAbort)
	p.ended = time.Now()
	return failed(err, "abort the transaction")
}

// TransactionalProducerProps are the settings of a source task's producer when the worker writes in
// transactions (KIP-618): those of ConnectorProducerProps with the transactional id given. replaced
// are the keys, as the producer knows them, of user settings that had to give way.
func TransactionalProducerProps(worker, connector map[string]string, name string, task int, id string) (props Props, replaced []string) {
	props = ConnectorProducerProps(worker, connector, name, task)
	if _, given := layered(Props{}, worker, connector, ProducerClient)["enable.idempotence"]; !given {
		delete(props, "enable.idempotence") // it is there for a transactional.id that is replaced
	}
	for _, forced := range [][2]string{{"enable.idempotence", "true"}, {"transactional.id", id}} {
		if given, ok := props[forced[0]]; ok && given != forced[1] {
			replaced = append(replaced, forced[0])
		}
		props[forced[0]] = forced[1]
	}
	return props, replaced
}
