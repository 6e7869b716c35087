package simpleheader_test

import (
	"testing"

	"github.com/troupe-connect/troupe/codecs/codecstest"
	"github.com/troupe-connect/troupe/codecs/simpleheader"
)

func FuzzToConnectHeader(f *testing.F) {
	codecstest.Fuzz(f, simpleheader.Plugin(), nil, "", "null", "1.5", `{"a":[1,"b"]}`, "2023-11-14T22:13:20.123Z", "\xff")
}
