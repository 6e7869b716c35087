package dateformat

import (
	"testing"
	"time"
)

func TestFormat(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		ms      int64
		want    string
	}{
		{"yyyyMMdd", 0, "19700101"},
		{"yyyy-MM-dd'T'HH:mm:ss.SSSZ", -62135596800000, "0001-01-03T00:00:00.000+0000"},
		{"yy/M/d", -1, "69/12/31"},
		{"YYYY-'W'ww-u", -62135596800000, "0001-W02-1"},
		{"YYYY-'W'ww-u", 1735689599999, "2025-W01-2"},
		{"EEE, d MMM yyyy HH:mm:ss z", 0, "Thu, 1 Jan 1970 00:00:00 UTC"},
		{"h 'o''clock' a", 1700000000123, "10 o'clock PM"},
		{"kk:mm", -62135596800000, "24:00"},
		{"DDD", 1709210096789, "060"},
		{"F W", 1735689599999, "5 5"},
		{"G yyyyy", -62198928000000, "BC 00002"},
		{"SSSSSS", -1, "000999"},
		{"yyyy-MM-dd", -12219292800000, "1582-10-15"},
		{"yyyy-MM-dd D", -12219292800001, "1582-10-04 277"},
		{"zzzz XXX ''", 0, "Coordinated Universal Time Z '"},
		{"", 0, ""},
		{"EEEE MMMM", -62135596800000, "Monday January"},
		{"G yyyy", -62135596800000, "AD 0001"},
		{"ZZ", -62135596800000, "+0000"},
		{"yyyyy", -62135596800000, "00001"},
		{"MMMMM", -62135596800000, "January"},
		{"SSSSSS", -62135596800000, "000000"},
	} {
		f, err := Compile(tt.pattern)
		if err != nil {
			t.Fatalf("%s: %v", tt.pattern, err)
		}
		if got := f.Format(tt.ms); got != tt.want {
			t.Errorf("%s of %d: %q, want %q", tt.pattern, tt.ms, got, tt.want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          int64 // -2 for a mismatch
	}{
		{"yyyy-MM-dd", "2024-02-30", 1709251200000},
		{"yyyy-MM-dd", "-001-01-01", -62198928000000},
		{"yy-MM-dd", "24-01-01", 1704067200000},
		{"yy-MM-dd", "1924-01-01", -1451692800000},
		{"yyyyMMdd", "20240101xyz", 1704067200000},
		{"yyyyMMdd", "2024", -2},
		{"EEE, d MMM yyyy HH:mm:ss Z", "Tue, 14 Nov 2023 22:13:20 +0100", 1699996400000},
		{"EEE, d MMM yyyy HH:mm:ss z", "Tue, 14 Nov 2023 22:13:20 PST", 1700028800000},
		{"yyyy-MM-dd'T'HH:mm:ssXXX", "2023-11-14T22:13:20-08:00", 1700028800000},
		{"MMM d, yyyy h:mm a", "nov 5, 2023 1:07 pm", 1699189620000},
		{"HH:mm", "25:61", 93660000},
		{"hh:mm a", "12:00 AM", 0},
		{"kk:mm", "24:00", 0},
		{"ss.SSS", "1.5000", 6000},
		{"D yyyy", "60 2024", 1709164800000},
		{"YYYY-'W'ww-u", "2024-W01-1", 1704067200000},
		{"G yyyy", "BC 0044", -63524304000000},
		{"EEEE", "friday", 86400000},
		{"yyyy-MM-dd HH:mm:ss zzz", "2023-07-01 12:00:00 GMT+02:00", 1688205600000},
		{"yyyy-MM-dd HH:mm:ss.SSS", "2023-13-45 99:00:00.000", 1708225200000},
		{"yyyy-MM-dd HH:mm:ss.SSS", "0001-01-01 00:00:00.000", -62135769600000},
		{"yyyy-MM-dd", "1582-10-10", -12218860800000}, // in the gap: taken as Julian
		{"yyyy-MM-dd", "", -2},
		{"yyyy", "x", -2},
		{"d MMM", "1  Nov", -2}, // blanks before a name don't match, before a number they do
		{"MMM d", "Nov   5", 26611200000},
		{"HH z", "12 GMT+2:00", 36000000},
		{"HH X", "12 +2", -2},
		{"yyyy", "2E3", 946684800000}, // DecimalFormat reads exponents
		{"yyyy", "20000E-1", 946684800000},
	} {
		f, err := Compile(tt.pattern)
		if err != nil {
			t.Fatalf("%s: %v", tt.pattern, err)
		}
		got, _, err := f.Parse(tt.text)
		if err != nil {
			got = -2
		}
		if got != tt.want {
			t.Errorf("%s of %q: %d (%v), want %d", tt.pattern, tt.text, got, err, tt.want)
		}
	}
}

// A zone that is parsed is the one that a text comes out in again.
func TestZones(t *testing.T) {
	for _, tt := range []struct{ pattern, in, out string }{
		{"yyyy-MM-dd HH:mm z", "2023-11-14 22:13 PST", "2023-11-14 22:13 PST"},
		{"yyyy-MM-dd HH:mm z", "2023-07-01 12:00 PST", "2023-07-01 13:00 PDT"},
		{"yyyy-MM-dd HH:mm zzzz", "2023-07-01 12:00 edt", "2023-07-01 12:00 Eastern Daylight Time"},
		{"yyyy-MM-dd HH:mm z XXX X XX Z", "2023-07-01 12:00 CEST +02:00 +02 +0200 +0200", "2023-07-01 12:00 CEST +02:00 +02 +0200 +0200"},
		{"yyyy-MM-dd HH:mm z", "2023-07-01 12:00 UTC", "2023-07-01 12:00 UTC"},
		{"yyyy-MM-dd HH:mm z", "2023-07-01 12:00 GMT+02:00", "2023-07-01 10:00 UTC"},
		{"yyyy-MM-dd HH:mm Z", "2023-07-01 12:00 -0130", "2023-07-01 13:30 +0000"},
	} {
		f, err := Compile(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		ms, zone, err := f.Parse(tt.in)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		if got := string(f.AppendIn(nil, ms, zone)); got != tt.out {
			t.Errorf("%s comes out as %s, want %s", tt.in, got, tt.out)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	for pattern, want := range map[string]string{
		"bad{{": "Illegal pattern character 'b'",
		"yyyy'": "Unterminated quote",
		"XXXX":  "invalid ISO 8601 format: length=4",
	} {
		if _, err := Compile(pattern); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", pattern, err, want)
		}
	}
}

// From the cutover on the calendar is Go's, and before it every day has one date.
func TestCalendarAgainstGo(t *testing.T) {
	for days := cutover; days < 120_000; days += 7 {
		y, m, d := time.Unix(days*86400, 0).UTC().Date()
		if gy, gm, gd := civil(days); gy != int64(y) || gm != int(m) || gd != d || gregorianDays(gy, gm, gd) != days {
			t.Fatalf("day %d: %d-%d-%d, want %d-%d-%d", days, gy, gm, gd, y, m, d)
		}
	}
	for days := cutover - 800_000; days < cutover; days++ {
		if y, m, d := civil(days); julianDays(y, m, d) != days {
			t.Fatalf("day %d comes back from %d-%d-%d as %d", days, y, m, d, julianDays(y, m, d))
		}
	}
}

// What is formatted with all fields parses to the moment it was.
func FuzzFormatAndParse(f *testing.F) {
	f.Add("yyyy-MM-dd HH:mm:ss.SSS", "2024-01-01", int64(1700000000123))
	f.Add("G YYYY-'W'ww-u D F W E a k K h z XXX", "x", int64(-1))
	full, err := Compile("G yyyy-MM-dd HH:mm:ss.SSS")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, pattern, text string, ms int64) {
		if c, err := Compile(pattern); err == nil {
			_, zone, _ := c.Parse(text)
			_ = c.AppendIn(nil, ms, zone)
			_ = c.Format(ms)
		}
		const range1e6Years = 31_556_952_000_000_000
		ms %= range1e6Years
		back, _, err := full.Parse(full.Format(ms))
		if err != nil || back != ms {
			t.Fatalf("%d is %s and comes back as %d (%v)", ms, full.Format(ms), back, err)
		}
	})
}

func BenchmarkFormat(b *testing.B) {
	f, err := Compile("yyyy-MM-dd'T'HH:mm:ss.SSS")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = f.Append(buf[:0], 1700000000123)
	}
}

func BenchmarkParse(b *testing.B) {
	f, err := Compile("yyyy-MM-dd'T'HH:mm:ss.SSS")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := f.Parse("2023-11-14T22:13:20.123"); err != nil {
			b.Fatal(err)
		}
	}
}
