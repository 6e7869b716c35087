package service

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

// Kind says of which program a worker of a cluster is.
type Kind string

const (
	// JVMWorker is Kafka Connect on the JVM.
	JVMWorker Kind = "jvm"
	// TroupeWorker is troupe distributed.
	TroupeWorker Kind = "troupe"
)

// ClusterConfig is what a cluster is made with.
type ClusterConfig struct {
	Kafka  *Kafka
	Group  string   // group.id; the internal topics are GROUP-configs, -offsets and -status
	Binary string   // troupe; needed only for its workers
	Config []string // more lines of each worker's properties, last
	Java   string   // more options of java
	// Jolokia: the MBeans of each worker can be read at its Node's MBeans.
	Jolokia bool
}

// Cluster is distributed workers of one group, of either kind, which get the same properties. It
// belongs to one test; its workers end with it. Use it from the test's goroutine only.
type Cluster struct {
	ClusterConfig
	Nodes   []*Node // in the order they were added, running or not
	Admin   *kafka.Admin
	plugins string         // plugin.path of JVM workers
	seen    map[string]int // members of the group with their process
}

// Node is a worker of a cluster. Its name for the others, and in statuses, is ID.
type Node struct {
	*Worker
	Kind Kind
	ID   string // host:port
	// MBeans is where Jolokia answers; its URL is empty without ClusterConfig.Jolokia.
	MBeans REST
}

// NewCluster prepares a cluster without workers.
func NewCluster(tb testing.TB, c ClusterConfig) *Cluster {
	tb.Helper()
	admin, err := kafka.NewAdmin(kafka.Props{"bootstrap.servers": c.Kafka.Addr}, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := admin.Close(); err != nil {
			tb.Errorf("closing the cluster's admin client: %v", err)
		}
	})
	return &Cluster{ClusterConfig: c, Admin: admin}
}

// Topic is the name of an internal topic: "configs", "offsets" or "status".
func (c *Cluster) Topic(which string) string { return c.Group + "-" + which }

// Add prepares one more worker and does not start it.
func (c *Cluster) Add(tb testing.TB, kind Kind) *Node {
	tb.Helper()
	if c.plugins == "" {
		libs := service{script: "jvm-connect"}
		out, err := libs.run(tb, startLimit, "plugins")
		if err != nil {
			tb.Fatalf("the JVM worker's plugins: %v", err)
		}
		c.plugins = strings.TrimSpace(out)
	}
	w := newWorker(tb, c.properties())
	n := &Node{Worker: w, Kind: kind, ID: strings.TrimPrefix(w.URL, "http://")}
	if kind == JVMWorker {
		w.args = []string{filepath.Join(Root(tb), "testdata", "services", "jvm-connect"), "run", w.properties()}
		w.env = []string{"CONNECT_JAVA=" + c.Java}
		if c.Jolokia {
			port := FreePorts(tb, 1)
			w.env = append(w.env, "CONNECT_JOLOKIA="+strconv.Itoa(port))
			n.MBeans.URL = "http://" + local(port) + "/jolokia/"
		}
		w.ends = []int{143, -1} // the signal by its own account, and killed
	} else {
		w.args = []string{c.Binary, "distributed", w.properties()}
		if c.Jolokia {
			n.MBeans.URL = w.URL + "/jolokia"
		}
	}
	c.Nodes = append(c.Nodes, n)
	return n
}

// properties are the same for both kinds, so that one can take the other's place.
func (c *Cluster) properties() []string {
	lines := []string{
		"bootstrap.servers=" + c.Kafka.Addr,
		"group.id=" + c.Group,
		"key.converter=org.apache.kafka.connect.json.JsonConverter",
		"value.converter=org.apache.kafka.connect.json.JsonConverter",
		"key.converter.schemas.enable=false",
		"value.converter.schemas.enable=false",
		"config.storage.topic=" + c.Topic("configs"),
		"config.storage.replication.factor=1",
		"offset.storage.topic=" + c.Topic("offsets"),
		"offset.storage.replication.factor=1",
		"offset.storage.partitions=5",
		"status.storage.topic=" + c.Topic("status"),
		"status.storage.replication.factor=1",
		"status.storage.partitions=2",
		"plugin.path=" + c.plugins,
	}
	if c.Jolokia {
		lines = append(lines, "jolokia.enabled=true")
	}
	return append(lines, c.Config...)
}

// Running is the workers whose process runs, frozen ones too.
func (c *Cluster) Running() []*Node {
	var out []*Node
	for _, n := range c.Nodes {
		if n.Alive() {
			out = append(out, n)
		}
	}
	return out
}

// Node is the worker with the name, nil if there is none.
func (c *Cluster) Node(id string) *Node {
	for _, n := range c.Nodes {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// Any is one of the running workers.
func (c *Cluster) Any(tb testing.TB) *Node {
	tb.Helper()
	running := c.Running()
	if len(running) == 0 {
		tb.Fatal("no worker runs")
	}
	return running[0]
}

// Ask sends a request to a worker, and again while the cluster rebalances or answers with a server's
// error; it fails the test if the answer is not a success within a minute.
func (n *Node) Ask(tb testing.TB, method, path string, body any) []byte {
	tb.Helper()
	var answer []byte
	Until(tb, time.Minute, method+" "+n.URL+path, func() error {
		status, got, err := n.Do(tb.Context(), method, path, body)
		if err != nil {
			return err
		}
		if status >= http.StatusMultipleChoices {
			err := &StatusError{Status: status, Body: string(got)}
			if status != http.StatusConflict && status < http.StatusInternalServerError {
				tb.Fatalf("%s %s%s: %v", method, n.URL, path, err)
			}
			return err
		}
		answer = got
		return nil
	})
	return answer
}
