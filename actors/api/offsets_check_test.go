package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// What PATCH offsets refuses of a sink, all or nothing, by 400 and the reason. Kafka Connect 4.1.1 answers
// the same where it reads the request, and 500 with "Failed to alter consumer group offsets" where Kafka
// refuses: for what is negative and for what doesn't exist, having changed what came before.
func TestSinkOffsetsRefused(t *testing.T) {
	listed := settings.Connector{Sink: &settings.SinkSettings{Topics: []string{"t1", "nowhere"}, GroupID: "connect-snk"}}
	byPattern := settings.Connector{Sink: &settings.SinkSettings{TopicsRegex: "t[0-9&&[^2]]", GroupID: "connect-snk"}}
	found := map[string]kafka.TopicInfo{"t1": {Name: "t1", Partitions: 2}, "t2": {Name: "t2", Partitions: 1}}
	committed := kafka.Offsets{{Topic: "old", Partition: 4}: 7}
	const one = `{"kafka_topic":"t1","kafka_partition":1}`
	for _, tt := range []struct {
		conf              settings.Connector
		partition, offset string
		want              string // "" is accepted
	}{
		{listed, one, `{"kafka_offset":0}`, ""},
		{listed, one, `{"kafka_offset":"7"}`, ""},
		{listed, one, `{"kafka_offset":9223372036854775807}`, ""},
		{listed, one, `null`, ""},
		{listed, one, `{"kafka_offset":-1}`, "The offset -1 for partition t1-1 is negative"},
		{listed, one, `{"kafka_offset":"-5"}`, "The offset -5 for partition t1-1 is negative"},
		{listed, one, `{"kafka_offset":9223372036854775808}`, "Failed to parse the following Kafka offset value in the provided offsets: '9223372036854775808'."},
		{listed, one, `{"kafka_offset":-9223372036854775809}`, "Failed to parse the following Kafka offset value"},
		{listed, one, `{"kafka_offset":null}`, "Failed to parse the following Kafka offset value in the provided offsets: 'null'."},
		{listed, one, `{"kafka_offset":1.5}`, "Failed to parse the following Kafka offset value in the provided offsets: '1.5'."},
		{listed, `{"kafka_topic":"t1","kafka_partition":2}`, `{"kafka_offset":0}`, "Partition 2 of the provided offsets does not exist: topic t1 has 2 partitions"},
		{listed, `{"kafka_topic":"t1","kafka_partition":-1}`, `{"kafka_offset":0}`, "Partition -1 of the provided offsets does not exist"},
		{listed, `{"kafka_topic":"t1","kafka_partition":4294967297}`, `{"kafka_offset":0}`, "Failed to parse the following Kafka partition value in the provided offsets: '4294967297'."},
		{listed, `{"kafka_topic":"t1","kafka_partition":77}`, `null`, "Partition 77 of the provided offsets does not exist"},
		{listed, `{"kafka_topic":"nowhere","kafka_partition":0}`, `{"kafka_offset":0}`, "Topic 'nowhere' of the provided offsets does not exist"},
		{listed, `{"kafka_topic":"","kafka_partition":0}`, `{"kafka_offset":0}`, "Topic '' of the provided offsets does not exist"},
		{listed, `{"kafka_topic":"t2","kafka_partition":0}`, `{"kafka_offset":0}`, "Topic t2 of the provided offsets is not read by sink connector snk"},
		{byPattern, `{"kafka_topic":"t2","kafka_partition":0}`, `{"kafka_offset":0}`, "Topic t2 of the provided offsets is not read by sink connector snk"},
		{byPattern, one, `{"kafka_offset":3}`, ""},
		{listed, `{"kafka_topic":"old","kafka_partition":4}`, `null`, ""},
		{listed, `{"kafka_topic":"old","kafka_partition":4}`, `{"kafka_offset":3}`, "Topic 'old' of the provided offsets does not exist"},
	} {
		var entry state.ConnectorOffset
		for text, to := range map[string]*map[string]any{tt.partition: &entry.Partition, tt.offset: &entry.Offset} {
			d := json.NewDecoder(strings.NewReader(text))
			d.UseNumber()
			if err := d.Decode(to); err != nil {
				t.Fatal(err)
			}
		}
		changes, err := sinkChanges([]state.ConnectorOffset{entry})
		if err == nil {
			err = sinkChangesFit("snk", tt.conf, changes, found, committed)
		}
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s %s: %v", tt.partition, tt.offset, err)
		case tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want) || errs.KindOf(err) != errs.BadRequest):
			t.Errorf("%s %s: %v, want %s", tt.partition, tt.offset, err, tt.want)
		}
	}
}
