package deadletters

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Opener makes the dead letter queue of a task, and its topic if that is missing.
type Opener struct {
	ID state.TaskID
	// Worker and Connector are their settings, references resolved.
	Worker, Connector map[string]string
	Log               *slog.Logger
	Options           []kafka.Option
	Numbers           *metrics.ErrorCounts // counts letters; nil for nobody
}

// lookFor is how long a task looks for its dead letter queue at the start.
const lookFor = time.Minute

// Queue opens the queue of a sink task. Its producer is the caller's to abort.
func (o Opener) Queue(ctx context.Context, dl settings.DeadLetters) (*Queue, error) {
	if err := o.topic(ctx, dl); err != nil {
		return nil, err
	}
	props := kafka.ConnectorDLQProducerProps(o.Worker, o.Connector, o.ID.Connector, o.ID.Task)
	producer, err := kafka.NewProducer(props, o.Log, o.Options...)
	if err != nil {
		return nil, err
	}
	return &Queue{Topic: dl.Topic, Context: dl.ContextHeaders, Task: o.ID, Producer: producer, Max: Room(maxRequest(props)), Numbers: o.Numbers}, nil
}

// topic makes the topic of a dead letter queue if it is missing.
func (o Opener) topic(ctx context.Context, dl settings.DeadLetters) error {
	admin, err := kafka.NewAdmin(kafka.ConnectorDLQAdminProps(o.Worker, o.Connector, o.ID.Connector, o.ID.Task), o.Log, o.Options...)
	if err != nil {
		return err
	}
	defer admin.Close() //nolint:errcheck // the answer is there already
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	there, err := admin.DescribeTopics(ctx, dl.Topic)
	if err == nil && len(there) == 0 {
		_, err = admin.CreateTopic(ctx, kafka.NewTopic{Name: dl.Topic, Partitions: 1, ReplicationFactor: dl.ReplicationFactor})
	}
	if err != nil {
		return errs.Connect.Wrap(err, "Could not initialize errors.deadletterqueue.topic.name=%s with errors.deadletterqueue.topic.replication.factor=%d", dl.Topic, dl.ReplicationFactor)
	}
	return nil
}

// maxRequest is max.request.size, which the producer has checked.
func maxRequest(props kafka.Props) int {
	const byDefault = 1 << 20
	n, err := strconv.Atoi(strings.TrimSpace(props["max.request.size"]))
	if err != nil {
		return byDefault
	}
	return max(n, 512)
}
