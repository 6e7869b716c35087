// Package java is the one home of what Java's language and library do that Kafka Connect lets show:
// the order in which a HashMap is iterated, how numbers read and print, how they are narrowed, what
// becomes of text that is no UTF-8, and how Jackson writes text into JSON. Whoever has to agree with
// the JVM worker byte for byte asks here, so that each rule is written once.
//
// Java's regular expressions are in package regex below it, SimpleDateFormat's patterns in package
// dateformat. Patterns that users write in configurations (topics.regex, allowlists, transforms,
// origins) all go through regex. Values of Connect, which know of schemas, are in connectors/data,
// above this package.
//
// Where Java 17 and later versions differ (the digits of Double.toString), the later ones are
// followed; the functions say so. Everything here is pure and safe for concurrent use.
package java
