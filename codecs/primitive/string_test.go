package primitive_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/codecs/codecstest"
	"github.com/troupe-connect/troupe/codecs/primitive"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// The settings of Kafka's serializers inside the converter count for their direction and side.
func TestSerializerEncoding(t *testing.T) {
	props := map[string]string{
		"converter.encoding": "UTF-8", "key.serializer.encoding": "UTF-16BE", "value.deserializer.encoding": "ISO-8859-1",
	}
	for _, tt := range []struct {
		isKey     bool
		out, back string
	}{{true, "\x00a", "a"}, {false, "a", "a"}} {
		c := primitive.String().New()
		if err := c.Configure(props, tt.isKey); err != nil {
			t.Fatal(err)
		}
		if b, err := c.FromConnect("t", nil, "a"); string(b) != tt.out || err != nil {
			t.Errorf("isKey %t: wrote %q, %v", tt.isKey, b, err)
		}
	}
	c := primitive.String().New()
	if err := c.Configure(props, false); err != nil {
		t.Fatal(err)
	}
	if sv, err := c.ToConnect("t", []byte{0xe9}); sv.Value != "é" || err != nil {
		t.Errorf("read %v, %v", sv.Value, err)
	}
}

func TestUnknownEncoding(t *testing.T) {
	for setting, isKey := range map[string]bool{"converter.encoding": false, "key.deserializer.encoding": true} {
		err := primitive.String().New().Configure(map[string]string{setting: "klingon"}, isKey)
		if !errors.Is(err, errs.Serialization) || !strings.Contains(err.Error(), setting) || !strings.Contains(err.Error(), "klingon") {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

// Malformed UTF-8 is read as Java reads it: one U+FFFD for each longest start of a character.
func TestMalformedUTF8(t *testing.T) {
	c := primitive.String().New()
	if err := c.Configure(nil, false); err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"a\xff\xffb": "a��b", "\xed\xa0\x80": "�", "\xe4\xb8": "�", "\xe4\xb8x": "�x", "\xf0\x9f\x98": "�",
		"\xf0\x80\x80\x80": "����", "\xc0\x80": "��", "\xc3": "�", "\xe0\x80x": "��x", "\xf4\x90\x80\x80": "����", "ok é": "ok é",
	} {
		if sv, err := c.ToConnect("t", []byte(in)); sv.Value != want || err != nil {
			t.Errorf("%q is read as %q, %v, want %q", in, sv.Value, err, want)
		}
	}
	if b, err := c.FromConnect("t", nil, "a\xed\xa0\x80\xff"); string(b) != "a?\uFFFD" || err != nil {
		t.Errorf("wrote %q, %v", b, err)
	}
}

func FuzzString(f *testing.F) {
	codecstest.Fuzz(f, primitive.String(), nil, "", "x", "\xff", "\xed\xa0\x80")
}

func FuzzLong(f *testing.F) { codecstest.Fuzz(f, primitive.Long(), nil, "", "12345678") }
