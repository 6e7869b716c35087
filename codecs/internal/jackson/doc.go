// Package jackson reads and writes JSON text as Jackson, Java's library, does: what it takes for
// JSON and what not, how it reads numbers, base64 and text that is no UTF-8, how it writes them.
// The converters whose records are JSON are built on it.
package jackson
