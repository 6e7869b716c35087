// Package dateformat formats and parses times with the patterns of Java's SimpleDateFormat, as it
// does so for locale en_US and time zone UTC: lenient, with the Gregorian calendar from
// 1582-10-15 on and the Julian one before, weeks from Sunday on, and two-digit years within 80
// years before and 20 years after now.
//
// One thing differs on purpose: in Java a zone name that was parsed (PST) becomes the zone of all
// that is formatted later; here Parse returns it and the caller decides what it holds for.
package dateformat
