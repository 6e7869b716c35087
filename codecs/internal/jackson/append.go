package jackson

import "encoding/base64"

// AppendBase64 appends bytes as a JSON string of base64.
func AppendBase64(b, raw []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, raw)
	return append(b, '"')
}
