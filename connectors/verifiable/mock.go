package verifiable

import (
	"context"
	"maps"
	"time"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

const (
	modeKey          = "mock_mode"
	delayKey         = "delay_ms"
	connectorFailure = "connector-failure"
	taskFailure      = "task-failure"
)

// MockSource is the MockSource connector.
func MockSource() connectors.Source {
	return connectors.Source{
		Descriptor: described("MockSource"),
		Connector:  func() connectors.SourceConnector { return &mockSource{} },
		Task:       func() connectors.SourceTask { return &mockSourceTask{} },
		TaskClass:  tools + "MockSourceTask",
	}
}

// MockSink is the MockSink connector.
func MockSink() connectors.Sink {
	return connectors.Sink{
		Descriptor: described("MockSink"),
		Connector:  func() connectors.SinkConnector { return &mockSink{} },
		Task:       func() connectors.SinkTask { return &mockSinkTask{} },
		TaskClass:  tools + "MockSinkTask",
	}
}

// delay is after how long a failure in the mode wanted comes; ok is false for no failure.
func delay(props map[string]string, mode string) (after time.Duration, ok bool, err error) {
	if props[modeKey] != mode {
		return 0, false, nil
	}
	s := settings{props: props}
	ms := s.number(delayKey, 32, "15000")
	return time.Duration(ms) * time.Millisecond, true, s.err
}

// mock is a connector that raises an error after a while.
type mock struct {
	props map[string]string
	timer *time.Timer
}

func (m *mock) start(cc connectors.ConnectorContext, props map[string]string) error {
	m.props = maps.Clone(props)
	after, fails, err := delay(props, connectorFailure)
	if err != nil || !fails {
		return err
	}
	m.timer = time.AfterFunc(after, func() {
		cc.RaiseError(errs.Connect.New("failed on purpose after %v: %s=%s", after, modeKey, connectorFailure))
	})
	return nil
}

// TaskConfigs gives one task.
func (m *mock) TaskConfigs(context.Context, int) ([]map[string]string, error) {
	props := maps.Clone(m.props)
	if props == nil {
		props = map[string]string{}
	}
	return []map[string]string{props}, nil
}

// Stop takes back the failure.
func (m *mock) Stop(context.Context) error {
	if m.timer != nil {
		m.timer.Stop()
	}
	return nil
}

type mockSource struct{ mock }

func (m *mockSource) Start(_ context.Context, sc connectors.SourceContext, props map[string]string) error {
	return m.start(sc, props)
}

type mockSink struct{ mock }

func (m *mockSink) Start(_ context.Context, cc connectors.ConnectorContext, props map[string]string) error {
	return m.start(cc, props)
}

// failing is a task that fails after a while.
type failing struct {
	fails bool
	after time.Duration
	began time.Time
}

func (f *failing) start(props map[string]string) (err error) {
	f.began = time.Now()
	f.after, f.fails, err = delay(props, taskFailure)
	return err
}

// left is the time until the failure, err the failure itself.
func (f *failing) left() (left time.Duration, err error) {
	if !f.fails {
		return pollWait, nil
	}
	if left = f.after - time.Since(f.began); left > 0 {
		return left, nil
	}
	return 0, errs.Connect.New("failed on purpose after %v: %s=%s", f.after, modeKey, taskFailure)
}

type mockSourceTask struct{ failing }

func (t *mockSourceTask) Start(_ context.Context, _ connectors.SourceTaskContext, props map[string]string) error {
	return t.start(props)
}

func (t *mockSourceTask) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	left, err := t.left()
	if err == nil && pause(ctx, min(left, pollWait)) {
		_, err = t.left()
	}
	return nil, err
}

func (t *mockSourceTask) Stop(context.Context) error { return nil }

type mockSinkTask struct {
	failing
	tc connectors.SinkTaskContext
}

func (t *mockSinkTask) Start(_ context.Context, tc connectors.SinkTaskContext, props map[string]string) error {
	t.tc = tc
	if err := t.start(props); err != nil {
		return err
	}
	t.wake()
	return nil
}

// wake asks for calls of Put often enough to fail in time.
func (t *mockSinkTask) wake() {
	if t.fails {
		t.tc.Timeout(min(t.after, 250*time.Millisecond))
	}
}

func (t *mockSinkTask) Put(context.Context, []data.SinkRecord) error {
	if _, err := t.left(); err != nil {
		return err
	}
	t.wake()
	return nil
}

func (t *mockSinkTask) Stop(context.Context) error { return nil }
