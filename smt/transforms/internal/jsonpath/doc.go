// Package jsonpath finds what a JSON path leads to in Connect's values: structs, maps, lists.
//
// Paths are in the dialect of Jayway's JsonPath, which transforms written for the JVM name: a filter
// [?(…)] on a struct or map asks about itself, =~ matches a Java regular expression as a whole, and
// '1' equals 1. (The libraries for Go that there are follow RFC 9535 or the older draft, where a
// filter asks about the members, so that the paths in use would find something else.)
//
// Left out, and refused with an error that says so: functions other than length() and size(), and
// placeholders.
package jsonpath
