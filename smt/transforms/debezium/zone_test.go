package debezium

import (
	"testing"
	"time"
)

// Every name that Java's classes convert with has rules here.
func TestZonesLoad(t *testing.T) {
	n := 0
	for name, converts := range zoneNames() {
		if _, err := findZone(name); converts && err != nil {
			t.Error(err)
		}
		n++
	}
	if n < 600 {
		t.Errorf("only %d zones are known", n)
	}
	for _, offset := range []string{"+18:00", "-18:00:00", "+05:30"} {
		if _, err := findZone(offset); !isOffset(offset) || err != nil {
			t.Errorf("%s: %v", offset, err)
		}
	}
	for _, offset := range []string{"+18:01", "+19:00", "-05:60", "+00:00:61"} {
		if _, err := findZone(offset); !isOffset(offset) || err == nil {
			t.Errorf("%s is taken", offset)
		}
	}
}

// In a gap, and where local times come twice, the offset before the change counts, as in Java.
func TestLocalOffset(t *testing.T) {
	berlin, err := findZone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		local string
		hours int64
	}{
		{"2023-03-26T01:59:59", 1},
		{"2023-03-26T02:00:00", 1},
		{"2023-03-26T02:59:59", 1},
		{"2023-03-26T03:00:00", 2},
		{"2023-10-29T01:59:59", 2},
		{"2023-10-29T02:00:00", 2},
		{"2023-10-29T02:59:59", 2},
		{"2023-10-29T03:00:00", 1},
		{"2023-06-01T00:00:00", 2},
		{"2023-01-01T00:00:00", 1},
	} {
		at, err := time.Parse("2006-01-02T15:04:05", tt.local)
		if err != nil {
			t.Fatal(err)
		}
		fresh := *berlin
		fresh.since, fresh.until = 0, 0
		if got, again := fresh.localOffset(at.Unix()), berlin.localOffset(at.Unix()); got != tt.hours*3600 || again != got {
			t.Errorf("%s has the offset %d, and %d after other times, want %d h", tt.local, got, again, tt.hours)
		}
	}
}

// What Java 17 makes of texts: the text of the same time, "" for an error.
func TestISOTexts(t *testing.T) {
	for text, want := range map[string]string{
		"2023-11-14T22:13:20+01":              "2023-11-14T22:13:20+01:00",
		"2023-11-14T22:13:20+0100":            "",
		"2023-11-14T22:13:20+1":               "",
		"2023-11-14t22:13:20z":                "2023-11-14T22:13:20Z",
		"2023-11-14T22:13+01:00:30":           "2023-11-14T22:13:00+01:00:30",
		"2023-11-14T22:13:20.Z":               "2023-11-14T22:13:20Z",
		"2023-11-14T22:13:20.120Z":            "2023-11-14T22:13:20.12Z",
		"2023-11-14T22:13:20.1234567891Z":     "",
		"+12023-11-14T22:13:20Z":              "+12023-11-14T22:13:20Z",
		"12023-11-14T22:13:20Z":               "",
		"-0001-11-14T22:13:20Z":               "-0001-11-14T22:13:20Z",
		"0000-01-01T00:00Z":                   "0000-01-01T00:00:00Z",
		"2023-11-14T22:13:20+18:30":           "",
		"2023-11-14T22:13:20+01:60":           "",
		"2023-11-14T22:13:20+01:00:3":         "",
		"2023-02-29T22:13:20Z":                "",
		"2023-11-14T22:13:60Z":                "",
		"2023-11-14T22:13:20-00:00":           "2023-11-14T22:13:20Z",
		"2023-11-14T22:13:20 +01:00":          "",
		"2023-11-14":                          "",
		"2023-11-14T22:13:20.000000001-08:00": "2023-11-14T22:13:20.000000001-08:00",
		// Control characters that differ from a sign in the bit that tells cases apart.
		"2023\r11-14T22:13:20Z": "", "\v12023-11-14T22:13:20Z": "", "2023-11-14T22\x1a13:20Z": "", "\r0001-11-14T22:13:20Z": "",
	} {
		got, err := parseISODateTime(text)
		if (err == nil) != (want != "") || err == nil && got.dateTime() != want {
			t.Errorf("%s: %s, %v, want %q", text, got.dateTime(), err, want)
		}
	}
	for text, want := range map[string]string{
		"22:13:20+01": "", "22:13:20z": "22:13:20Z", "22:13+01:00:30": "22:13:00+01:00:30", "22:13:20.Z": "22:13:20Z", "24:00:00Z": "",
		"22:13:20-00:00": "22:13:20Z", "22:13:20+01:00:": "", "00:00:00.5-11:30": "00:00:00.5-11:30",
	} {
		got, err := parseISOTime(text)
		if (err == nil) != (want != "") || err == nil && got.time() != want {
			t.Errorf("%s: %s, %v, want %q", text, got.time(), err, want)
		}
	}
	if at := (isoTime{local: 3600}).at(-2 * 3600); at.time() != "23:00:00-02:00" {
		t.Errorf("an hour past midnight is %s two hours further west", at.time())
	}
}
