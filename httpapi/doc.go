// Package httpapi is the REST interface of Kafka Connect 4.1 on gin: the same paths, bodies and
// status codes as the JVM worker's, in front of any Herder.
//
// New checks the configuration and builds the routes, Listen binds, Serve answers until Shutdown.
// The package knows no actor: cmd hands it a Herder. JSON bodies are in entity, the levels of
// loggers in logging, logins in auth, requests to other workers in peers.
//
// What is different from the JVM on purpose: a body that can't be read is 400 and not 500, an
// error always says so in JSON, a body too large is 413, a %2F in a path is part of a name, 405
// names the methods allowed. testdata/rest/QUIRKS.md lists all cases recorded.
package httpapi
