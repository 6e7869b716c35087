package service

import (
	"strconv"
	"testing"
)

// StartPostgres starts a PostgreSQL with an empty database, ends it with the test, and returns the
// URL of the database, with user and password.
func StartPostgres(tb testing.TB) string {
	tb.Helper()
	// No POSTGRES_DATA: its user may not enter the test's folder.
	s := service{script: "postgres", env: []string{"POSTGRES_PORT=" + strconv.Itoa(FreePorts(tb, 1))}}
	tb.Cleanup(func() { s.stop(tb) })
	return s.start(tb)
}
