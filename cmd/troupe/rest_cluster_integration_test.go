//go:build integration

package main_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
	"github.com/troupe-connect/troupe/httpapi/peers"
)

// TestRequestsAcrossWorkers asks the worker that does not lead for what only the leader may do, and
// both for what only workers may ask, of clusters of JVM workers, of our workers, and of one of each,
// with each of them as the leader. All have to answer the same.
func TestRequestsAcrossWorkers(t *testing.T) {
	k := service.StartKafka(t)
	bin := service.Build(t)
	const jvm, troupe = service.JVMWorker, service.TroupeWorker
	for _, kinds := range [][2]service.Kind{{jvm, jvm}, {troupe, troupe}, {jvm, troupe}, {troupe, jvm}} {
		t.Run(fmt.Sprintf("%s leads %s", kinds[0], kinds[1]), func(t *testing.T) {
			c := service.NewCluster(t, service.ClusterConfig{
				Kafka: k, Binary: bin, Group: fmt.Sprintf("across-%s-%s", kinds[0], kinds[1]), Config: []string{"offset.flush.interval.ms=500"},
			})
			for _, kind := range kinds { // the first to join leads, and goes on to
				n := c.Add(t, kind)
				n.Launch(t)
				healthy(t, n.Worker)
				if got := c.Settle(t, time.Minute, nil).Leader; got != c.Nodes[0].ID {
					t.Fatalf("%s leads, not %s", got, c.Nodes[0].ID)
				}
			}
			a := across{T: t, leader: c.Nodes[0], follower: c.Nodes[1], key: sessionKey(t, k, c.Topic("configs")), dir: t.TempDir()}
			a.signatures()
			a.forwarding(c)
			for _, n := range []*service.Node{c.Nodes[1], c.Nodes[0]} {
				n.Stop(t)
			}
		})
	}
}

// sessionKey reads the key of the cluster from its config topic.
func sessionKey(t *testing.T, k *service.Kafka, topic string) []byte {
	t.Helper()
	var key []byte
	service.Until(t, time.Minute, "session key", func() error {
		out := k.Tool(t, "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", k.Addr, "--topic", topic,
			"--from-beginning", "--timeout-ms", "4000", "--property", "print.key=true")
		for line := range strings.Lines(out) {
			value, ok := strings.CutPrefix(line, "session-key\t")
			if !ok {
				continue
			}
			var record struct {
				Key []byte `json:"key"`
			}
			if err := json.Unmarshal([]byte(value), &record); err != nil {
				return err
			}
			key = record.Key
		}
		if key == nil {
			return fmt.Errorf("not in %q", out)
		}
		return nil
	})
	return key
}

// across is two workers, one of which leads.
type across struct {
	*testing.T
	leader, follower *service.Node
	key              []byte
	dir              string
}

// signatures sends requests that only workers may send, signed in several ways.
func (a across) signatures() {
	a.Helper()
	const body = `[{"file":"x"}]`
	sign := func(key []byte, algorithm, body string) []string {
		signature, err := peers.Sign(key, algorithm, []byte(body))
		if err != nil {
			a.Fatal(err)
		}
		return []string{peers.SignatureHeader, signature, peers.AlgorithmHeader, algorithm}
	}
	right, empty := sign(a.key, "HmacSHA256", body), sign(a.key, "HmacSHA256", "")
	other := sign([]byte("some other key of the same kind"), "HmacSHA256", body)
	for _, tt := range []struct {
		name, method, path, body string
		to                       *service.Node
		headers                  []string
		status                   int
		message                  string
	}{
		{"not signed", "POST", "/connectors/none/tasks", body, a.leader, nil, 400, "Internal request missing required signature"},
		{"not signed, to the follower", "POST", "/connectors/none/tasks", body, a.follower, nil, 400, "Internal request missing required signature"},
		{"no algorithm", "POST", "/connectors/none/tasks", body, a.leader, right[:2], 400, "Internal request missing required signature"},
		{"algorithm not permitted", "POST", "/connectors/none/tasks", body, a.leader, sign(a.key, "HmacSHA512", body), 400, "This worker does not support the 'HmacSHA512' key signing algorithm"},
		{"algorithm unknown", "POST", "/connectors/none/tasks", body, a.leader, []string{right[0], right[1], right[2], "HmacNone"}, 400, ""},
		{"no base64", "POST", "/connectors/none/tasks", body, a.leader, []string{right[0], "?", right[2], right[3]}, 400, ""},
		{"another key", "POST", "/connectors/none/tasks", body, a.leader, other, 403, "Internal request contained invalid signature."},
		{"another key, to the follower", "POST", "/connectors/none/tasks", body, a.follower, other, 403, "Internal request contained invalid signature."},
		{"another body", "POST", "/connectors/none/tasks", body + " ", a.leader, right, 403, "Internal request contained invalid signature."},
		{"right", "POST", "/connectors/none/tasks", body, a.leader, right, 404, "Connector none not found"},
		{"right, to the follower", "POST", "/connectors/none/tasks", body, a.follower, right, 400, "Internal request missing required signature"},
		{"right, to the follower, twice forwarded", "POST", "/connectors/none/tasks?forward=false", body, a.follower, right, 409, "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"},
		{"fence, not signed", "PUT", "/connectors/none/fence", "", a.leader, nil, 400, "Internal request missing required signature"},
		{"fence, another body", "PUT", "/connectors/none/fence", "", a.leader, right, 403, "Internal request contained invalid signature."},
		{"fence", "PUT", "/connectors/none/fence", "", a.leader, empty, 404, "Connector none not found"},
	} {
		status, message := a.send(tt.method, tt.to.URL+tt.path, tt.body, tt.headers...)
		if status != tt.status || !strings.Contains(message, tt.message) {
			a.Errorf("%s: %d %s, want %d %s", tt.name, status, message, tt.status, tt.message)
		}
	}
}

// send returns status and message, or the whole body of an answer without.
func (a across) send(method, url, body string, headers ...string) (int, string) {
	a.Helper()
	ctx, cancel := context.WithTimeout(a.Context(), service.RESTLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		a.Fatal(err)
	}
	var e struct{ Message string }
	if json.Unmarshal(raw, &e) != nil || e.Message == "" {
		e.Message = string(raw)
	}
	return resp.StatusCode, e.Message
}

// forwarding leads a connector's life at the follower.
func (a across) forwarding(c *service.Cluster) {
	a.Helper()
	in := filepath.Join(a.dir, "in.txt")
	appendTo(a.T, in, "one\n")
	config := map[string]string{"connector.class": "FileStreamSource", "tasks.max": "1", "file": in, "topic": c.Group}
	names := []string{"a", "é d", "b/c", "e;e", "%25"}
	at := func(name string) string { return "/connectors/" + url.PathEscape(name) }
	for _, name := range names[:1] {
		made := jsonOf(a.T, map[string]any{"name": name, "config": config})
		if status, message := a.send("POST", a.follower.URL+"/connectors?forward=false", made); status != 409 {
			a.Errorf("a connector made with forward=false at the follower: %d %s", status, message)
		}
		a.settled("POST", "/connectors", made, 201, `"name":"a"`)
		a.settled("POST", "/connectors", made, 409, "Connector a already exists")
		a.settled("POST", "/connectors", `{"name":"bad","config":{}}`, 400, "")
	}
	a.settled("DELETE", "/connectors/none", "", 404, "Connector none not found")
	a.settled("PUT", "/connectors/none/stop", "", 404, "Unknown connector none")
	a.settled("POST", "/connectors/none/restart?includeTasks=true", "", 404, "Unknown connector: none")
	a.settled("DELETE", "/connectors/none/offsets", "", 404, "Connector none not found")
	a.settled("PUT", "/connectors/a/config", jsonOf(a.T, config), 200, `"name":"a"`)
	want := map[string]int{"a": 1}
	for _, name := range names[1:] {
		if strings.ContainsAny(name, "/;%") && (a.leader.Kind == service.JVMWorker || a.follower.Kind == service.JVMWorker) {
			continue // the JVM worker can't address them, QUIRKS.md
		}
		a.settled("PUT", at(name)+"/config", jsonOf(a.T, config), 201, "")
		want[name] = 1
	}
	a.settled("PUT", "/connectors/last/config", jsonOf(a.T, config), 201, "")
	want["last"] = 1
	c.Settle(a.T, time.Minute, want) // each task where it belongs: its configurations came to the leader, signed
	for name := range want {
		for _, n := range c.Nodes { // one of them has it, and the leader may be neither
			a.at(n, "POST", at(name)+"/restart", "", 204, "")
			a.at(n, "POST", at(name)+"/tasks/0/restart", "", 204, "")
			a.at(n, "POST", at(name)+"/tasks/7/restart", "", 404, "Unknown task: "+name+"-7")
		}
	}
	a.settled("POST", "/connectors/a/restart?includeTasks=true&onlyFailed=false", "", 202, `"RESTARTING"`)
	c.Settle(a.T, time.Minute, want)
	a.settled("PATCH", "/connectors/a/offsets", `{"offsets":[{"partition":{"filename":"`+in+`"},"offset":{"position":0}}]}`, 400, "must be in the STOPPED state")
	a.settled("PUT", "/connectors/a/stop", "", 204, "")
	a.settled("PATCH", "/connectors/a/offsets", `{"offsets":[{"partition":{"filename":"`+in+`"},"offset":{"position":2}}]}`, 200, "altered successfully")
	for _, n := range c.Nodes {
		service.Until(a.T, time.Minute, "offsets at "+n.ID, func() error {
			status, body := a.send("GET", n.URL+"/connectors/a/offsets", "")
			if status != 200 || !strings.Contains(body, `{"position":2}`) {
				return fmt.Errorf("%d %s", status, body)
			}
			return nil
		})
	}
	a.settled("DELETE", "/connectors/a/offsets", "", 200, "reset successfully")
	for name := range want {
		a.settled("DELETE", at(name), "", 204, "")
	}
	c.Settle(a.T, time.Minute, map[string]int{})
}

func (a across) settled(method, path, body string, status int, holds string) {
	a.Helper()
	a.at(a.follower, method, path, body, status, holds)
}

// at asks, and again while the workers rebalance, or one hasn't heard yet of what another one did.
func (a across) at(n *service.Node, method, path, body string, status int, holds string) {
	a.Helper()
	service.Until(a.T, time.Minute, fmt.Sprintf("%d for %s %s at %s", status, method, path, n.ID), func() error {
		got, message := a.send(method, n.URL+path, body)
		if got == status && strings.Contains(message, holds) {
			return nil
		}
		if got != 409 && got != 404 && (got != 500 || !strings.Contains(message, "rebalance")) {
			a.Fatalf("%s %s at %s: %d %s, want %d %s", method, path, n.ID, got, message, status, holds)
		}
		return fmt.Errorf("%d %s", got, message)
	})
}

// TestSecureWorkers has workers whose listeners are https with certificates on both sides, one of them
// of the JVM, and a login besides among our own. Requests go to the one that does not lead, and tasks
// run on both: what the follower's connectors make of their tasks goes to the leader, signed.
func TestSecureWorkers(t *testing.T) {
	k := service.StartKafka(t)
	bin := service.Build(t)
	root := service.Root(t)
	script := filepath.Join(root, "testdata", "services", "jvm-connect")
	said := strings.Split(tool(t, 8*time.Minute, nil, script, "plugins"), "\n")
	plugins := said[len(said)-1] // behind what it says while it fetches the jars
	secrets := filepath.Join(root, "testdata", "security")
	client := httpsClient(t, secrets)
	for _, tt := range []struct {
		name     string
		commands [2][]string
		login    bool
	}{
		{"troupe and troupe, with login", [2][]string{{bin, "distributed"}, {bin, "distributed"}}, true},
		{"JVM leads troupe", [2][]string{{script, "run"}, {bin, "distributed"}}, false},
		{"troupe leads JVM", [2][]string{{bin, "distributed"}, {script, "run"}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			lines := append(secureListener(t, secrets), "bootstrap.servers="+k.Addr, "plugin.path="+plugins)
			lines = append(lines, memberLines(strings.ReplaceAll(strings.ReplaceAll(tt.name, " ", "-"), ",", ""))...)
			if tt.login {
				lines = append(lines, loginLines(t, dir)...)
			}
			var workers []*secureWorker
			for _, command := range tt.commands {
				w := &secureWorker{T: t, client: client, login: tt.login}
				w.start(command, filepath.Join(dir, fmt.Sprintf("%d.properties", len(workers))), lines)
				workers = append(workers, w)
			}
			if tt.login {
				workers[1].login = false
				if status, body, err := workers[1].ask("GET", "/connectors", ""); status != 401 || err != nil {
					t.Errorf("without a login: %d %s %v", status, body, err)
				}
				workers[1].login = true
			}
			in := filepath.Join(dir, "in.txt")
			appendTo(t, in, "one\n")
			for i := range 4 {
				workers[1].until("PUT", fmt.Sprintf("/connectors/c%d/config", i), jsonOf(t, map[string]string{
					"connector.class": "FileStreamSource", "tasks.max": "1", "file": in, "topic": "secure-workers",
				}), 201, "")
			}
			at := map[string]int{}
			for i := range 4 {
				path := fmt.Sprintf("/connectors/c%d", i)
				body := workers[0].until("GET", path+"/status", "", 200, `"tasks":[{"id":0,"state":"RUNNING"`)
				for _, w := range workers {
					if strings.Contains(body, `"connector":{"state":"RUNNING","worker_id":"`+strings.TrimPrefix(w.URL, "https://")+`"`) {
						at[w.URL]++
					}
					w.until("POST", path+"/tasks/0/restart", "", 204, "") // at its owner, by the leader
				}
			}
			if len(at) != 2 {
				t.Errorf("connectors by worker: %v; both should have some", at)
			}
			workers[1].until("PUT", "/connectors/c0/stop", "", 204, "")
			workers[1].until("DELETE", "/connectors/c0/offsets", "", 200, "reset successfully")
		})
	}
}

// secureListener are the properties of an https listener that asks for certificates, without the
// listener.
func secureListener(t *testing.T, secrets string) []string {
	t.Helper()
	store := filepath.Join(t.TempDir(), "server.p12")
	tool(t, time.Minute, nil, "openssl", "pkcs12", "-export", "-in", filepath.Join(secrets, "server.pem"),
		"-certfile", filepath.Join(secrets, "ca.pem"), "-passout", "pass:store-secret", "-out", store)
	return []string{
		"listeners.https.ssl.keystore.type=PKCS12",
		"listeners.https.ssl.keystore.location=" + store,
		"listeners.https.ssl.keystore.password=store-secret",
		"listeners.https.ssl.key.password=store-secret",
		"listeners.https.ssl.truststore.type=PKCS12",
		"listeners.https.ssl.truststore.location=" + filepath.Join(secrets, "trust.p12"),
		"listeners.https.ssl.truststore.password=store-secret",
		"listeners.https.ssl.client.auth=required",
	}
}

// memberLines are the properties that the members of a cluster have in common.
func memberLines(group string) []string {
	lines := []string{
		"group.id=" + group,
		"key.converter=org.apache.kafka.connect.json.JsonConverter",
		"value.converter=org.apache.kafka.connect.json.JsonConverter",
		"offset.storage.partitions=2", "status.storage.partitions=2",
	}
	for _, topic := range []string{"config", "offset", "status"} {
		lines = append(lines, topic+".storage.topic="+group+"-"+topic, topic+".storage.replication.factor=1")
	}
	return lines
}

// loginLines ask for the login of user "ann".
func loginLines(t *testing.T, dir string) []string {
	t.Helper()
	users, jaas := filepath.Join(dir, "users.properties"), filepath.Join(dir, "jaas.conf")
	appendTo(t, users, "ann=ann-secret\n")
	appendTo(t, jaas, `KafkaConnect { org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required file="`+users+`"; };`)
	return []string{
		"rest.extension.classes=org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension",
		"java.security.auth.login.config=" + jaas,
	}
}

func httpsClient(t *testing.T, secrets string) *http.Client {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(secrets, "client.pem"), filepath.Join(secrets, "client.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Timeout: service.RESTLimit, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true}, //nolint:gosec // the workers' clients are tested here
	}}
}

// secureWorker is a worker with an https listener.
type secureWorker struct {
	*testing.T
	*service.Worker
	client *http.Client
	login  bool
}

func (w *secureWorker) start(command []string, file string, lines []string) {
	w.Helper()
	url := fmt.Sprintf("https://127.0.0.1:%d", service.FreePorts(w.T, 1))
	appendTo(w.T, file, strings.Join(append(lines, "listeners="+url), "\n")+"\n")
	w.Worker = service.NewCommand(w.T, url, nil, command[0], append(command[1:], file)...)
	w.Launch(w.T)
	w.until("GET", "/health", "", 200, "healthy")
	w.until("GET", "/connectors", "", 200, "")
}

func (w *secureWorker) ask(method, path, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(w.Context(), method, w.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	if w.login {
		req.SetBasicAuth("ann", "ann-secret")
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw), err
}

// until asks until the answer is as wanted, and returns it.
func (w *secureWorker) until(method, path, body string, status int, holds string) string {
	w.Helper()
	var text string
	service.Until(w.T, 2*time.Minute, fmt.Sprintf("%d for %s %s%s", status, method, w.URL, path), func() error {
		if err := w.Ended(); err != nil {
			w.Fatalf("the worker ended: %v", err)
		}
		got, answer, err := w.ask(method, path, body)
		if err == nil && (got != status || !strings.Contains(answer, holds)) {
			err = fmt.Errorf("%d %s", got, answer)
		}
		text = answer
		return err
	})
	return text
}
