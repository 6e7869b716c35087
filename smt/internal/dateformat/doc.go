// Package dateformat formats and parses times with the patterns of Java's SimpleDateFormat, as it
// does so for locale en_US and time zone UTC: lenient, with the Gregorian calendar from
// 1582-10-15 on and the Julian one before, weeks from Sunday on, and two-digit years within 80
// years before and 20 years after now.
//
// One thing differs on purpose: in Java a parsed zone name (PST) becomes the zone that later
// records are formatted in; here it counts for its own record only.
package dateformat
