package jackson

import (
	"encoding/base64"
	"errors"
)

var errBase64 = errors.New("not base64 with padding")

// DecodeBase64 reads base64 as Jackson's MIME_NO_LINEFEEDS variant does: padding is required,
// space is allowed between groups of four, and text may follow padding.
func DecodeBase64(s string) ([]byte, error) {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' { // Go skips line breaks within groups too
			return decodeGroups(s)
		}
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
	n, err := base64.StdEncoding.Decode(out, []byte(s))
	if err != nil {
		return decodeGroups(s)
	}
	return out[:n], nil
}

func decodeGroups(s string) ([]byte, error) {
	out := make([]byte, 0, len(s)*3/4)
	for i := 0; ; i += 4 {
		for i < len(s) && s[i] <= ' ' {
			i++
		}
		if i == len(s) {
			return out, nil
		}
		if i+4 > len(s) {
			return nil, errBase64
		}
		var quad [4]byte
		copy(quad[:], s[i:])
		n, err := base64.StdEncoding.Decode(quad[:], []byte(s[i:i+4]))
		if err != nil || n == 0 {
			return nil, errBase64
		}
		out = append(out, quad[:n]...)
	}
}
