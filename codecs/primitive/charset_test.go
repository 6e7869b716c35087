package primitive

import (
	"encoding/hex"
	"strings"
	"testing"
	"unicode/utf16"
)

// The texts and bytes that TestCharsets goes through.
var (
	charsetTexts = []string{"aé日", "😀x", "", "\xed\xa0\x80b", "€Я"}
	charsetBytes = strings.Fields("61e9e697a5 ff41 eda080 feff0061 fffe6100 0000feff00000061 d83d c080 82a0 1b2442 e4b8 f09f98 f0908041 8141fe")
)

// TestCharsets is what Java 17 made of the texts (in hex, ERR for a set that there isn't) and of
// the bytes (as UTF-16 in hex).
func TestCharsets(t *testing.T) {
	for _, tt := range []struct{ name, encoded, decoded string }{
		{"UTF-8", "61c3a9e697a5 f09f988078  3f62 e282acd0af ", "0061fffd65e5 fffd0041 fffd fffdfffd00000061 fffdfffd00610000 00000000fffdfffd0000000000000061 fffd003d fffdfffd fffdfffd 001b00240042 fffd fffd fffd0041 fffd0041fffd "},
		{"utf8", "61c3a9e697a5 f09f988078  3f62 e282acd0af ", "0061fffd65e5 fffd0041 fffd fffdfffd00000061 fffdfffd00610000 00000000fffdfffd0000000000000061 fffd003d fffdfffd fffdfffd 001b00240042 fffd fffd fffd0041 fffd0041fffd "},
		{"ISO-8859-1", "61e93f 3f78  3f62 3f3f ", "006100e900e6009700a5 00ff0041 00ed00a00080 00fe00ff00000061 00ff00fe00610000 0000000000fe00ff0000000000000061 00d8003d 00c00080 008200a0 001b00240042 00e400b8 00f0009f0098 00f0009000800041 0081004100fe "},
		{"latin1", "61e93f 3f78  3f62 3f3f ", "006100e900e6009700a5 00ff0041 00ed00a00080 00fe00ff00000061 00ff00fe00610000 0000000000fe00ff0000000000000061 00d8003d 00c00080 008200a0 001b00240042 00e400b8 00f0009f0098 00f0009000800041 0081004100fe "},
		{"US-ASCII", "613f3f 3f78  3f62 3f3f ", "0061fffdfffdfffdfffd fffd0041 fffdfffdfffd fffdfffd00000061 fffdfffd00610000 00000000fffdfffd0000000000000061 fffd003d fffdfffd fffdfffd 001b00240042 fffdfffd fffdfffdfffd fffdfffdfffd0041 fffd0041fffd "},
		{"646", "613f3f 3f78  3f62 3f3f ", "0061fffdfffdfffdfffd fffd0041 fffdfffdfffd fffdfffd00000061 fffdfffd00610000 00000000fffdfffd0000000000000061 fffd003d fffdfffd fffdfffd 001b00240042 fffdfffd fffdfffdfffd fffdfffdfffd0041 fffd0041fffd "},
		{"UTF-16", "feff006100e965e5 feffd83dde000078  fefffffd0062 feff20ac042f ", "61e9e697fffd ff41 eda0fffd 0061 0061 0000feff00000061 fffd c080 82a0 1b24fffd e4b8 f09ffffd f0908041 8141fffd "},
		{"unicode", "feff006100e965e5 feffd83dde000078  fefffffd0062 feff20ac042f ", "61e9e697fffd ff41 eda0fffd 0061 0061 0000feff00000061 fffd c080 82a0 1b24fffd e4b8 f09ffffd f0908041 8141fffd "},
		{"UTF-16BE", "006100e965e5 d83dde000078  fffd0062 20ac042f ", "61e9e697fffd ff41 eda0fffd feff0061 fffe6100 0000feff00000061 fffd c080 82a0 1b24fffd e4b8 f09ffffd f0908041 8141fffd "},
		{"UTF-16LE", "6100e900e565 3dd800de7800  fdff6200 ac202f04 ", "e96197e6fffd 41ff a0edfffd fffe6100 feff0061 0000fffe00006100 3dd8 80c0 a082 241bfffd b8e4 9ff0fffd 90f04180 4181fffd "},
		{"x-UTF-16LE-BOM", "fffe6100e900e565 fffe3dd800de7800  fffefdff6200 fffeac202f04 ", "e96197e6fffd 41ff a0edfffd 0061 0061 0000fffe00006100 3dd8 80c0 a082 241bfffd b8e4 9ff0fffd 90f04180 4181fffd "},
		{"UTF-32", "00000061000000e9000065e5 0001f60000000078  0000fffd00000062 000020ac0000042f ", "fffdfffd fffd fffd fffd fffd 0061 fffd fffd fffd fffd fffd fffd fffd fffd "},
		{"UTF-32BE", "00000061000000e9000065e5 0001f60000000078  0000fffd00000062 000020ac0000042f ", "fffdfffd fffd fffd fffd fffd 0061 fffd fffd fffd fffd fffd fffd fffd fffd "},
		{"UTF-32LE", "61000000e9000000e5650000 00f6010078000000  fdff000062000000 ac2000002f040000 ", "fffdfffd fffd fffd fffd fffd fffdfffd fffd fffd fffd fffd fffd fffd fffd fffd "},
		{"windows-1252", "61e93f 3f78  3f62 803f ", "006100e900e6201400a5 00ff0041 00ed00a020ac 00fe00ff00000061 00ff00fe00610000 0000000000fe00ff0000000000000061 00d8003d 00c020ac 201a00a0 001b00240042 00e400b8 00f0017802dc 00f0fffd20ac0041 fffd004100fe "},
		{"Cp1252", "61e93f 3f78  3f62 803f ", "006100e900e6201400a5 00ff0041 00ed00a020ac 00fe00ff00000061 00ff00fe00610000 0000000000fe00ff0000000000000061 00d8003d 00c020ac 201a00a0 001b00240042 00e400b8 00f0017802dc 00f0fffd20ac0041 fffd004100fe "},
		{"Cp1251", "613f3f 3f78  3f62 88df ", "00610439043620140490 044f0041 043d00a00402 044e044f00000061 044f044e00610000 00000000044e044f0000000000000061 0428003d 04100402 201a00a0 001b00240042 04340451 0440045ffffd 0440045204020041 04030041044e "},
		{"ISO-8859-15", "61e93f 3f78  3f62 a43f ", "006100e900e6009700a5 00ff0041 00ed00a00080 00fe00ff00000061 00ff00fe00610000 0000000000fe00ff0000000000000061 00d8003d 00c00080 008200a0 001b00240042 00e4017e 00f0009f0098 00f0009000800041 0081004100fe "},
		{"ISO8859_15", "61e93f 3f78  3f62 a43f ", "006100e900e6009700a5 00ff0041 00ed00a00080 00fe00ff00000061 00ff00fe00610000 0000000000fe00ff0000000000000061 00d8003d 00c00080 008200a0 001b00240042 00e4017e 00f0009f0098 00f0009000800041 0081004100fe "},
		{"KOI8_R", "613f3f 3f78  3f62 3ff1 ", "00610418042422482554 042a0041 041c25502500 0427042a00000061 042a042700610000 000000000427042a0000000000000061 044c003d 044e2500 250c2550 001b00240042 04142566 041f00f72264 041f259125000041 250200410427 "},
		{"IBM850", "61823f 3f78  3f62 3f3f ", "006100da00b500f900d1 00a00041 00dd00e100c7 25a000a000000061 00a025a000610000 0000000025a000a00000000000000061 00cf003d 251400c7 00e900e1 001b00240042 00f500a9 00ad019200ff 00ad00c900c70041 00fc004125a0 "},
		{"Cp437", "61823f 3f78  3f62 3f3f ", "0061039800b500f900d1 00a00041 03c600e100c7 25a000a000000061 00a025a000610000 0000000025a000a00000000000000061 256a003d 251400c7 00e900e1 001b00240042 03a32555 2261019200ff 226100c900c70041 00fc004125a0 "},
		{"Cp037", "81513f 3fa7  3f82 3f3f ", "002f005a005700700076 009f00a0 00d200b500d8 00da009f0000002f 009f00da002f0000 0000000000da009f000000000000002f 00510015 007b00d8 006200b5 008f008400e2 005500bd 003000a40071 003000b000d800a0 006100a000da "},
		{"x-MacRoman", "618e3f 3f78  3f62 db3f ", "006100c800ca00f32022 02c70041 00cc202000c4 02db02c700000061 02c702db00610000 0000000002db02c70000000000000061 00ff003d 00bf00c4 00c72020 001b00240042 2030220f f8ff00fc00f2 f8ff00ea00c40041 00c5004102db "},
		{"nope", "ERR", ""},
		{"UTF-7", "ERR", ""},
		{"UTF_8", "ERR", ""},
	} {
		cs, ok := lookupCharset(tt.name)
		if !ok {
			if tt.encoded != "ERR" {
				t.Errorf("%s is not known", tt.name)
			}
			continue
		}
		var encoded, decoded strings.Builder
		for _, s := range charsetTexts {
			encoded.WriteString(hex.EncodeToString(cs.encode(s)) + " ")
		}
		for _, h := range charsetBytes {
			b, err := hex.DecodeString(h)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range utf16.Encode([]rune(cs.decode(b))) {
				decoded.WriteString(hex.EncodeToString([]byte{byte(u >> 8), byte(u)}))
			}
			decoded.WriteByte(' ')
		}
		if encoded.String() != tt.encoded {
			t.Errorf("%s encodes\n to %s\nwant %s", tt.name, encoded.String(), tt.encoded)
		}
		if decoded.String() != tt.decoded {
			t.Errorf("%s decodes\n to %s\nwant %s", tt.name, decoded.String(), tt.decoded)
		}
	}
}

// East Asian sets are held to what matters: their text comes back.
func TestNationalCharsets(t *testing.T) {
	for name, text := range map[string]string{
		"Shift_JIS": "日本語カナ", "SJIS": "日本", "MS932": "①日本", "EUC_JP": "日本", "ISO-2022-JP": "日本",
		"GBK": "中文", "GB18030": "中文😀", "GB2312": "中文", "Big5": "中文", "EUC_KR": "한국어", "TIS-620": "ไทย",
	} {
		cs, ok := lookupCharset(name)
		if !ok {
			t.Errorf("%s is not known", name)
			continue
		}
		if got := cs.decode(cs.encode("a" + text)); got != "a"+text {
			t.Errorf("%s: %q came back as %q", name, text, got)
		}
		if name != "GB18030" && !strings.Contains(string(cs.encode(text+"😀")), "?") {
			t.Errorf("%s: what isn't in the set must become ?", name)
		}
	}
}
